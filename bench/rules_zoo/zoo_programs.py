"""The PyTorch half of the healthy zoo: ordinary training programs (programs/), their arguments, and the figure each has to reach.

A program's last line is its own measure on data that it did not train on: `accuracy 0.93`. tenet is not told of it; each bound lies well under what the program
reaches, and far above what a broken one reaches.
"""
import pathlib

PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"


def healthy(data):
    """Arguments by name, with the figure each has to reach, of those whose data are there; `data` is the folder of zoo_data.make."""
    zoo = {}

    def add(name, bound, program, *arguments):
        words = [word for argument in arguments for word in argument.split()]
        if not all((data / word[1:]).exists() for word in words if word[0] == "@"):
            return
        zoo[name] = {"program": PROGRAMS / f"{program}.py", "arguments": [str(data / word[1:]) if word[0] == "@" else word for word in words], "bound": bound}

    # Tables
    add("torch-digits-selu", 0.88, "train_table", "@digits.npz --hidden 64,64,64 --act selu --dropout 0.05 --opt sgd --lr 0.01 --epochs 30")
    add("torch-digits-sigmoid", 0.88, "train_table", "@digits.npz --hidden 64 --act sigmoid --opt adam --lr 0.005 --epochs 30")
    add("torch-wine-groupnorm", 0.85, "train_table", "@wine.npz --hidden 32,32 --norm group --act silu --lr 0.002 --batch 16 --epochs 60")
    add("torch-cancer-bce", 0.9, "train_table", "@breast_cancer.npz --hidden 32,16 --loss bce --opt adamw --decay 0.05 --lr 0.001 --epochs 40")
    add("torch-iris-rprop", 0.8, "train_table", "@iris.npz --hidden 8 --act tanh --opt rprop --lr 0.01 --batch 120 --epochs 400")
    add("torch-diabetes-l1", 0.3, "train_table", "@diabetes_raw.npz --hidden 32 --loss l1 --scale-labels --opt adamax --lr 0.003 --decay 0.05 --epochs 30")
    add("torch-moons-onecycle", 0.92, "train_table", "@moons.npz --hidden 32,32 --act silu --opt adamw --schedule onecycle --lr 0.02 --epochs 60")
    add("torch-spirals-mish", 0.92, "train_table", "@spirals.npz --hidden 64,64 --act mish --opt nadam --lr 0.003 --epochs 50")
    add("torch-friedman1-radam", 0.8, "train_table", "@friedman1.npz --hidden 64,64 --loss mse --opt radam --lr 0.005 --epochs 50")
    add("torch-friedman2-raw-labels", 0.85, "train_table", "@friedman2.npz --hidden 64 --act elu --loss huber --opt adam --lr 0.05 --epochs 60")
    add("torch-swiss-roll", 0.85, "train_table", "@swiss_roll.npz --hidden 64,64 --act gelu --loss mse --scale-labels --opt sgd --lr 0.02 --schedule cosine --epochs 50")
    add("torch-many-labels", 0.85, "train_table", "@many_labels.npz --hidden 48 --act prelu --loss bce --opt rmsprop --lr 0.001 --epochs 30")
    add("torch-blobs-tiny-batch", 0.85, "train_table", "@blobs.npz --hidden 16 --act relu6 --opt sgd --momentum 0 --lr 0.01 --batch 4 --epochs 6")
    add("torch-majority-batchnorm", 0.85, "train_table", "@majority.npz --hidden 48,48 --norm batch --opt adagrad --lr 0.02 --batch 64 --epochs 15")
    add("torch-prices-clipped", 0.8, "train_table", "@prices.npz --hidden 64 --act softsign --loss mse --scale-labels --opt sgd --lr 0.05 --clip 0.5 --schedule step --epochs 40")
    add("torch-rare-class", 0.97, "train_table", "@rare.npz --hidden 32 --norm layer --lr 0.003 --epochs 20")
    # Images
    add("torch-fashion-lenet-tanh", 0.72, "train_images", "@fashion.npz --net lenet --lr 0.002 --epochs 4")
    add("torch-fashion-resnet", 0.72, "train_images", "@fashion.npz --net resnet --opt sgd --lr 0.1 --epochs 4 --augment --limit 2500")
    add("torch-shapes-groupnorm", 0.85, "train_images", "@shapes.npz --net groupnorm --lr 0.005 --epochs 7 --limit 2000")
    add("torch-digits-separable", 0.8, "train_images", "@digit_images.npz --net separable --lr 0.01 --epochs 10")
    add("torch-digits-dense", 0.9, "train_images", "@digit_images.npz --net dense --opt sgd --lr 0.05 --epochs 10 --smoothing 0.1")
    add("torch-fashion-vit", 0.6, "train_images", "@fashion.npz --net transformer --opt adamw --lr 0.003 --epochs 5 --warmup 40 --limit 2000")
    add("torch-digits-mixer", 0.85, "train_images", "@digit_images.npz --net mixer --opt adamw --lr 0.005 --epochs 10")
    # Text
    add("torch-text-lstm", 0.35, "train_text", "@bible.txt --net lstm --width 96 --lr 0.005 --clip 1 --steps 700")
    add("torch-text-gru-two-layers", 0.3, "train_text", "@bible.txt --net gru --width 48 --layers 2 --opt rmsprop --lr 0.003 --start 2000000 --steps 600")
    add("torch-text-rnn", 0.3, "train_text", "@bible.txt --net rnn --width 96 --lr 0.002 --clip 0.5 --start 1000000 --steps 700")
    add("torch-text-transformer", 0.3, "train_text", "@bible.txt --net transformer --width 48 --layers 2 --opt adamw --lr 0.003 --start 3000000 --steps 600")
    add("torch-text-dilated", 0.3, "train_text", "@bible.txt --net dilated --width 48 --layers 4 --start 500000 --steps 500")
    add("torch-text-window-long", 0.3, "train_text", "@bible.txt --net window --width 64 --opt sgd --lr 0.2 --start 3500000 --steps 2200 --batch 8")
    add("torch-words-part", 0.85, "train_words", "@bible.txt --task part --steps 800")
    add("torch-words-sparse", 0.8, "train_words", "@bible.txt --task part --sparse --lr 0.005 --steps 600 --words 1500")
    add("torch-words-skipgram", 0.68, "train_words", "@bible.txt --task skipgram --lr 0.005 --steps 2500")
    # Sequences
    add("torch-adding-gru", 0.85, "train_sequences", "--task adding --net gru --steps 1200")
    add("torch-copying-lstm", 0.8, "train_sequences", "--task copying --net lstm --width 64 --length 12 --steps 1500 --lr 0.01")
    add("torch-counting-transformer", 0.8, "train_sequences", "--task counting --net transformer --steps 600 --lr 0.002")
    add("torch-brackets-rnn", 0.85, "train_sequences", "--task brackets --net rnn --steps 2100 --length 12 --lr 0.002 --opt rmsprop")
    add("torch-counting-conv", 0.75, "train_sequences", "--task counting --net conv --steps 500 --clip 0")
    add("torch-translate-attention", 0.85, "train_translate")
    # Others
    add("torch-fashion-autoencoder", 0.6, "train_autoencoder", "@fashion.npz --kind plain --epochs 15")
    add("torch-shapes-denoising", 0.6, "train_autoencoder", "@shapes.npz --kind denoise --epochs 10")
    add("torch-digit-variational", 0.35, "train_autoencoder", "@digit_images.npz --kind variational --epochs 30")
    add("torch-digits-contrastive", 0.85, "train_pairs", "@digits.npz --loss contrastive --steps 800")
    add("torch-fashion-triplet", 0.65, "train_pairs", "@fashion.npz --loss triplet --steps 700")
    add("torch-fashion-frozen-trunk", 0.65, "train_transfer", "@fashion.npz --trunk trained --lr 0.02 --epochs 12 --limit 4000")
    add("torch-digits-random-features", 0.8, "train_transfer", "@digits.npz --trunk random --lr 0.02 --epochs 20")
    add("torch-ratings-factors", 0.7, "train_factors")
    add("torch-graph", 0.75, "train_graph")
    add("torch-mixture-density", 0.35, "train_mixture")
    add("torch-deep-sets", 0.85, "train_sets")
    add("torch-picture-sines", 0.85, "train_field", "@fashion.npz --task picture")
    add("torch-oscillator-residual", 0.9, "train_field", "--task oscillator --steps 2000 --lr 0.005")
    add("torch-two-tasks", 0.85, "train_tasks", "@digits.npz")
    return zoo
