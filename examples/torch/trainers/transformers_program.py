"""A tiny BERT that classifies sequences, trained by Hugging Face's Trainer from random weights. Knows nothing of tenet."""
import sys

import torch
from torch.utils.data import Dataset
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed


class Sequences(Dataset):
    """Sequences of 12 tokens; the label is whether token 5 occurs."""

    def __init__(self, count, seed):
        generator = torch.Generator().manual_seed(seed)
        self.tokens = torch.randint(6, 40, (count, 12), generator=generator)
        self.labels = torch.arange(count) % 2
        places = torch.randint(0, 12, (count,), generator=generator)
        for i in range(count):
            if self.labels[i]:
                self.tokens[i, places[i]] = 5

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return {"input_ids": self.tokens[index], "attention_mask": torch.ones(12, dtype=torch.long), "labels": self.labels[index]}


def main():
    set_seed(1)
    config = BertConfig(vocab_size=40, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, max_position_embeddings=16, num_labels=2)
    arguments = TrainingArguments("out", max_steps=150, per_device_train_batch_size=32, learning_rate=float(sys.argv[1]) if len(sys.argv) > 1 else 0.003,
                                  report_to=[], save_strategy="no", logging_steps=50, disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False)
    trainer = Trainer(BertForSequenceClassification(config), arguments, train_dataset=Sequences(640, 1), eval_dataset=Sequences(100, 2))
    trainer.train()
    print("valid loss %.6f" % trainer.evaluate()["eval_loss"])


if __name__ == "__main__":
    main()
