"""Faults for every rule, each planted in a healthy network of the zoo: what is changed, which rule must fire, and where.

A native fault changes the hypes of its twin; a fault of a program replaces lines of a copy of its twin's source, each of which must be there exactly once, or changes
its arguments. The place is what the rule must say: the tensor (a regular expression for its whole name), the steps, and words of its sentence.
"""
import copy
import pathlib
import re

import numpy


def place(text, tensor=None, steps=None, says=None):
    """Where a rule has to fire: `text` says it to people; what is None may be anything."""
    return {"text": text, "tensor": tensor, "steps": steps, "says": says}


def judge(case, signals):
    """Whether the planted rule fired at its place, and what it said."""
    signal = next((signal for signal in signals if signal["rule"] == case["rule"]), None)
    if signal is None:
        return False, "there is no such rule"
    if signal["state"] != "fired":
        return False, signal["state"] + (": " + signal["text"] if signal.get("text") else "")
    wanted, tensor = case["place"], signal.get("tensor") or ""
    right = (wanted["tensor"] is None or re.fullmatch(wanted["tensor"], tensor)) and (wanted["says"] is None or re.search(wanted["says"], signal["text"]))
    if wanted["steps"]:
        right = right and wanted["steps"][0] <= signal["step"] <= wanted["steps"][1]
    return bool(right), f"{signal['severity']}: {tensor} at {signal['step']}: {signal['text']}"


def native(twin, **changes):
    """The twin's hypes with other keys of the solver, and what `edit` makes of them."""
    hypes = copy.deepcopy(twin["hypes"])
    edit = changes.pop("edit", None)
    for key, value in changes.items():
        hypes["solver"][key] = value
    if "steps" in changes:
        hypes["solver"].pop("epochs", None)
    if edit:
        edit(hypes)
    return {"hypes": hypes}


def program(twin, path, replace=(), arguments=""):
    """The twin's command, with lines of its source replaced in a copy, and arguments added (the last of a kind counts)."""
    interpreter, source, *given = twin["command"]
    text = pathlib.Path(source).read_text()
    for old, new in replace:
        if text.count(old) != 1:
            raise ValueError(f"{source}: '{old}' is there {text.count(old)} times; a fault replaces what is there once")
        text = text.replace(old, new)
    path.write_text(text)
    return {"command": [interpreter, str(path), *given, *arguments.split()]}


def set_hidden(kind):
    """Every hidden activation becomes `kind`."""
    def edit(hypes):
        for node in hypes["net"]:
            if node["op"] in ("relu", "tanh", "selu", "elu", "gelu", "sigmoid"):
                node["op"] = kind
    return edit


def set_keys(**keys):
    """Other keys of the whole file."""
    return lambda hypes: hypes.update(keys)


def set_node(index, **keys):
    """Other keys of one node."""
    return lambda hypes: hypes["net"][index].update(keys)


def spoiling(data, folder):
    """A maker of edits by which hypes read a copy of one of the sets, spoiled by `change(x, y, rng)`."""
    def spoil(name, change):
        def edit(hypes):
            stored = numpy.load(data / f"{name}.npz")
            x, y = change(stored["x"].copy(), stored["y"].copy(), numpy.random.default_rng(5))
            path = folder / f"{name}_{change.__name__}.npz"
            numpy.savez(path, x=x, y=y)
            hypes["data"]["train"]["file"] = str(path)
        return edit
    return spoil


def two_outliers(x, y, rng):
    """Two samples are a hundred times too large, as by a slipped decimal point."""
    x[rng.choice(len(x), 2, replace=False)] *= 100
    return x, y


def bad_ending(x, y, rng):
    """The last lines of the file are of another kind."""
    y[-12:] = 1000
    return x, y


def missing_value(x, y, rng):
    x[rng.integers(len(x)), 3] = numpy.nan
    return x, y


def copied_column(x, y, rng):
    x[:, 7] = x[:, 2]
    return x, y


def leaked_label(x, y, rng):
    x[:, 4] = 2.0 * y - 1
    return x, y


def leaked_target(x, y, rng):
    x[:, 4] = 0.1 * y[:, 0] + 3
    return x, y


def other_unit(x, y, rng):
    """One column in other units than the rest: metres among kilometres, twice."""
    x[:, 1] *= 1e6
    return x, y


def one_class(x, y, rng):
    """The labels of another file: all of one class."""
    return x, numpy.zeros_like(y)


def hardly_any(x, y, rng):
    """One sample in a hundred is of the second class."""
    y[:] = 0
    y[rng.choice(len(y), len(y) // 100, replace=False)] = 1
    return x, y


def in_pico(x, y, rng):
    return x, y * 1e-9


def wrong_labels(x, y, rng):
    """Two of three labels are another sample's."""
    rows = rng.choice(len(y), len(y) * 2 // 3, replace=False)
    y[rows] = y[rng.permutation(rows)]
    return x, y


def planted(data, folder, twins):
    """Faults of the networks in `twins`, as cases; `folder` gets spoiled copies of data and sources."""
    sources = folder / "sources"
    sources.mkdir(parents=True, exist_ok=True)
    spoil = spoiling(data, folder)
    cases = []

    def plant(rule, twin, what, where, make, *arguments, **changes):
        if twin not in twins:
            return
        name = f"{rule}/{twin}: {what}"
        if make is program:
            changes["path"] = sources / f"{rule}_{len(cases)}.py"
        cases.append({"name": name, "rule": rule, "twin": twin, "place": where, **make(twins[twin], *arguments, **changes)})

    # nonfinite: the first operation, its direction and step
    plant("nonfinite", "fashion-deep-cosine", "exp in place of relu, layer upon layer", place("exp's output at step 1", r"exp_\d+", (1, 1)), native,
          steps=300, edit=set_hidden("exp"))
    plant("nonfinite", "torch-majority-batchnorm", "0 / 0 in a normalisation by hand", place("head's input or output, step 1", r"(div.*|head.*)", (1, 1)), program,
          replace=[("        x = self.body(x)\n        return self.head(x)", "        x = self.body(x)\n        x = x / (x - x[:1]).abs().sum(1, keepdim=True)\n        return self.head(x)")],
          arguments="--epochs 6")
    plant("nonfinite", "torch-digits-contrastive", "sqrt of 0 in the distance of a sample to itself: infinite slope", place("backward, in the first 40 steps", None, (1, 40), "backward|gradient"), program,
          replace=[("F.pairwise_distance(model(x[left]), model(x[right]))", "((model(x[left]) - model(x[right])) ** 2).sum(1).sqrt()")], arguments="--steps 300")
    # diverging
    plant("diverging", "linear-regression", "a learning rate 100 times too high", place("the run", "", (1, 400)), native, learning_rate=0.3, steps=400)
    plant("diverging", "digits-batchnorm-tanh", "Adam at a rate of 10", place("the run", "", (1, 300)), native, learning_rate=10, steps=300)
    plant("diverging", "torch-swiss-roll", "a learning rate 100 times too high", place("the run", "", (1, 600)), program, arguments="--lr 2 --epochs 12")
    # plateau: told at 2,000 iterations
    at_2000 = place("the run, at step 2000", "", (2000, 2000))
    plant("plateau", "spirals-long", "all weights 0", at_2000, native, edit=set_keys(init="zeros", bias_init="zeros"), steps=2600)
    plant("plateau", "torch-swiss-roll", "a learning rate of 1e-9", at_2000, program, arguments="--lr 1e-9 --schedule cosine --epochs 45")
    plant("plateau", "torch-spirals-mish", "gradients are set to 0 between backward and step", at_2000, program,
          replace=[("            loss.backward()\n", "            loss.backward()\n            optimizer.zero_grad()\n")], arguments="--epochs 48")
    # spiky_gradients
    plant("spiky_gradients", "several-targets-clipped", "two samples a hundred times too large", place("the run, from step 101", "", (101, 3000)), native,
          edit=spoil("several_targets", two_outliers))
    plant("spiky_gradients", "waves-forecast", "two samples a hundred times too large", place("the run, from step 101", "", (101, 3000)), native, edit=spoil("waves", two_outliers))
    plant("spiky_gradients", "torch-text-rnn", "one batch in 50 counts 200 times, and no clip", place("the run, from step 101", "", (101, 400)), program,
          replace=[("        loss = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())", "        loss = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten()) * (200 if step % 50 == 40 else 1)"),
                   ("if args.clip:", "if False:")], arguments="--steps 400 --width 48")
    # exploding
    plant("exploding", "fashion-deep-cosine", "30 tanh layers with weights five times too large", place("the first weights' gradient", r"dense_1\.weight.*"), native, steps=300,
          edit=lambda hypes: hypes.update(net=[{"op": "flatten"}] + [{"op": "dense", "units": 32}, {"op": "tanh"}] * 30 + [{"op": "dense", "units": 10}],
                                          init={"scheme": "normal", "std": 0.9}))
    plant("exploding", "linear-regression", "a rate at which every step is larger than the last", place("the run", ""), native, learning_rate=0.25, steps=300)
    plant("exploding", "torch-digits-selu", "30 tanh layers with weights five times too large", place("the first weights' gradient", r"(body\.)?0?\.?weight.*|body\.0.*"), program,
          replace=[("    optimizer = make_optimizer(args, model)", "    for layer in model.body:\n        if isinstance(layer, nn.Linear):\n            nn.init.normal_(layer.weight, std=0.9)\n    optimizer = make_optimizer(args, model)")],
          arguments="--act tanh --dropout 0 --lr 1e-8 --epochs 5 --hidden " + ",".join(["32"] * 30))
    # vanishing
    plant("vanishing", "fashion-deep-cosine", "sigmoid in eight hidden layers, plain descent", place("the first weights' gradient", r"dense_1\.weight.*"), native, steps=600,
          opt="sgd", learning_rate=0.1, edit=set_hidden("sigmoid"))
    plant("vanishing", "digits-selu-deep", "sigmoid in six hidden layers", place("the first weights' gradient", r"dense_0\.weight.*"), native, steps=600, edit=set_hidden("sigmoid"))
    plant("vanishing", "torch-digits-sigmoid", "ten hidden layers of sigmoids", place("the first weights' gradient", r"body\.0\.weight.*"), program,
          arguments="--epochs 6 --hidden " + ",".join(["32"] * 10))
    # update_ratio
    plant("update_ratio", "linear-regression", "a learning rate 70 times too high", place("the only weight", r"dense_0\.weight.*"), native, learning_rate=0.2, steps=300)
    plant("update_ratio", "torch-prices-clipped", "a rate of 20 behind a clip: each step throws the weights across", place("a weight", r".*weight.*"), program,
          arguments="--lr 20 --momentum 0 --epochs 10")
    plant("update_ratio", "fashion-small-rate", "a learning rate of 1e-9", place("the run: no weight moves", "", None, "no weight moves"), native, learning_rate=1e-9, steps=400,
          edit=lambda hypes: hypes["data"].update(samples=4000))
    # unchanged
    plant("unchanged", "torch-spirals-mish", "the body's group has a rate of 0", place("a weight of body", r"body\..*weight.*"), program,
          replace=[("    return kinds[args.opt](model.parameters(), lr=args.lr, **extra)",
                    "    return kinds[args.opt]([{\"params\": model.head.parameters()}, {\"params\": model.body.parameters(), \"lr\": 0.0}], lr=args.lr, **extra)")], arguments="--epochs 10")
    plant("unchanged", "torch-two-tasks", "the trunk is cut off by a detach", place("a weight of trunk", r"trunk\..*weight.*"), program,
          replace=[("        x = self.trunk(x)\n", "        x = self.trunk(x).detach()\n")], arguments="--epochs 10")
    plant("unchanged", "digits-mlp", "one of two branches is dead from the start", place("the dead branch's weight", r"dead\.weight.*"), native, steps=400,
          edit=set_keys(net=[{"op": "dense", "units": 64}, {"op": "relu", "name": "alive"}, {"op": "dense", "units": 64, "name": "dead", "from": "input", "bias_init": {"scheme": "constant", "value": -100}},
                             {"op": "relu", "name": "silent"}, {"op": "add", "from": ["alive", "silent"]}, {"op": "dense", "units": 10}]))
    # dead_units
    plant("dead_units", "spirals-long", "biases of the second layer start at -20", place("the second relu", r"relu_3"), native, steps=600,
          edit=set_node(2, bias_init={"scheme": "constant", "value": -20}))
    plant("dead_units", "shapes-cnn", "relu, and biases of the second convolution start at -20", place("the second relu", r"relu_4"), native, steps=200,
          edit=lambda hypes: (set_hidden("relu")(hypes), hypes["net"][1].update(op="relu"), hypes["net"][3].update(bias_init={"scheme": "constant", "value": -20}), hypes["net"][4].update(op="relu")))
    plant("dead_units", "torch-friedman1-radam", "biases of the second layer start at -20", place("the second relu", r"body\.3.*"), program,
          replace=[("    optimizer = make_optimizer(args, model)", "    nn.init.constant_(model.body[2].bias, -20)\n    optimizer = make_optimizer(args, model)")], arguments="--epochs 10")
    # saturated_units
    plant("saturated_units", "circles-tanh", "inputs 300 times too large", place("the first tanh", r"tanh_1"), native, steps=600, edit=lambda hypes: hypes["data"].update(input={"scale": 300}))
    plant("saturated_units", "torch-digits-sigmoid", "inputs 200 times too large", place("the first sigmoid", r"body\.1.*"), program,
          replace=[("        for inputs, labels in loader:\n", "        for inputs, labels in loader:\n            inputs = inputs * 200\n")], arguments="--epochs 8")
    plant("saturated_units", "torch-diabetes-l1", "tanh, and first weights 50 times too large", place("the first tanh", r"body\.1.*"), program,
          replace=[("    optimizer = make_optimizer(args, model)", "    model.body[0].weight.data *= 50\n    optimizer = make_optimizer(args, model)")], arguments="--act tanh")
    # constant_output
    plant("constant_output", "digits-mlp", "every hidden unit is dead", place("the output", r"dense_2"), native, steps=400, edit=set_node(0, bias_init={"scheme": "constant", "value": -100}))
    plant("constant_output", "torch-friedman1-radam", "softmax over a single output", place("the softmax", r"head\.1"), program,
          replace=[("        self.head = nn.Linear(inputs, outputs)", "        self.head = nn.Sequential(nn.Linear(inputs, outputs), nn.Softmax(1))")], arguments="--epochs 8")
    plant("constant_output", "torch-cancer-bce", "a mean over the batch in place of the features", place("head's output", r"head"), program,
          replace=[("        return self.head(x)", "        x = x.mean(0, keepdim=True).expand(len(x), -1)\n        return self.head(x)")], arguments="--epochs 15")
    # init_statistics: seen at the first step
    plant("init_statistics", "blobs-batchnorm-adadelta", "all weights 0.5", place("a weight, step 1", r"dense_\d+\.weight", (1, 1)), native, edit=set_keys(init={"scheme": "constant", "value": 0.5}), steps=300)
    plant("init_statistics", "torch-majority-batchnorm", "all weights 0", place("all weights, step 1", "", (1, 1), "all 3 weights"), program,
          replace=[("    optimizer = make_optimizer(args, model)", "    for p in model.parameters():\n        if p.dim() == 2:\n            nn.init.zeros_(p)\n    optimizer = make_optimizer(args, model)")],
          arguments="--epochs 8")
    plant("init_statistics", "torch-digits-sigmoid", "relu, and weights of 0.005 in five layers", place("the signal dies, step 1", None, (1, 1), "signal|deviation|fades|dies"), program,
          replace=[("    optimizer = make_optimizer(args, model)", "    for p in model.parameters():\n        nn.init.normal_(p, std=0.005) if p.dim() == 2 else nn.init.zeros_(p)\n    optimizer = make_optimizer(args, model)")],
          arguments="--act relu --epochs 8 --hidden 64,64,64,64,64")
    # oscillating
    plant("oscillating", "digits-batchnorm-tanh", "Adam at a rate of 10", place("the run", ""), native, learning_rate=10, steps=300)
    plant("oscillating", "moons-softplus", "a learning rate 100 times too high", place("the run", ""), native, learning_rate=5, steps=600)
    plant("oscillating", "torch-digits-sigmoid", "tanh behind a batch norm, and Adam at a rate of 10", place("the run", ""), program, arguments="--act tanh --norm batch --lr 10 --epochs 12")
    # overfitting
    plant("overfitting", "digits-mlp", "two of three labels are wrong, and a wide network", place("the run", ""), native, opt="adam", learning_rate=0.003, epochs=80,
          edit=lambda hypes: (spoil("digits", wrong_labels)(hypes), hypes.update(net=[{"op": "dense", "units": 256}, {"op": "relu"}, {"op": "dense", "units": 10}])))
    plant("overfitting", "friedman1-standardized", "32 samples, and a wide network", place("the run", ""), native, epochs=600,
          edit=lambda hypes: (hypes["data"].update(samples=40), hypes.update(net=[{"op": "dense", "units": 128}, {"op": "relu"}, {"op": "dense", "units": 128}, {"op": "relu"}, {"op": "dense", "units": 1}])))
    plant("overfitting", "halfspace-logistic", "two of three labels are wrong, and a wide network", place("the run", ""), native, opt="adam", learning_rate=0.003,
          edit=lambda hypes: (spoil("halfspace", wrong_labels)(hypes), hypes.update(net=[{"op": "dense", "units": 256}, {"op": "relu"}, {"op": "dense", "units": 1}])))
    # loss_spike
    plant("loss_spike", "linear-regression", "the last lines of the file are of another kind, and not shuffled", place("steps 140 to 150", "", (140, 150)), native,
          shuffle=False, batch_size=8, epochs=1, edit=spoil("linear", bad_ending))
    plant("loss_spike", "torch-text-gru-two-layers", "one batch of noise at step 300", place("step 302", "", (300, 304)), program,
          replace=[("        logits = model(rows[:, :-1])\n", "        logits = model(rows[:, :-1]) * (30 if step == 301 else 1)\n")], arguments="--steps 450")
    plant("loss_spike", "torch-friedman1-radam", "the rate leaps for one step at 300", place("step 302", "", (301, 306)), program,
          replace=[("    for epoch in range(args.epochs):\n", "    step = 0\n    for epoch in range(args.epochs):\n"),
                   ("            optimizer.step()\n", "            step += 1\n            optimizer.param_groups[0][\"lr\"] = 30.0 if step == 300 else args.lr\n            optimizer.step()\n")],
          arguments="--epochs 12")
    # input_statistics
    plant("input_statistics", "friedman1-standardized", "a value is missing (NaN)", place("feature 3", None, None, r"(?i)nan|finite"), native,
          edit=lambda hypes: (spoil("friedman1", missing_value)(hypes), hypes["data"].update(input={"scale": "none"})), steps=300)
    plant("input_statistics", "linear-regression", "a column is there twice", place("feature 7 as feature 2", None, None, r"\b7\b.*\b2\b|\b2\b.*\b7\b"), native, edit=spoil("linear", copied_column))
    plant("input_statistics", "halfspace-logistic", "the label stands in a feature", place("feature 4", None, None, r"\b4\b"), native, edit=spoil("halfspace", leaked_label))
    plant("input_statistics", "torch-blobs-tiny-batch", "inputs are not scaled, and one has another unit", place("feature 1", None, None, r"\b1\b"), program,
          replace=[("    x = (x - x[:train].mean(0)) / (x[:train].std(0) + 1e-6)\n", "    x[:, 1] *= 1e6\n")])
    # label_statistics
    plant("label_statistics", "xor-sigmoid", "all labels are of one class", place("the labels", None, None, r"class|label"), native, edit=spoil("xor", one_class), steps=600)
    plant("label_statistics", "halfspace-logistic", "one sample in a hundred is of the second class", place("the labels", None, None, r"class|label"), native, edit=spoil("halfspace", hardly_any))
    plant("label_statistics", "friedman2-raw-labels", "targets in units a billion times too large", place("target 0", None, None, r"target|label"), native, edit=spoil("friedman2", in_pico), steps=600)
    plant("label_statistics", "torch-moons-onecycle", "all labels are of one class", place("the labels", None, None, r"class|label"), program,
          replace=[("    order = torch.randperm(len(x))\n", "    y[:-1] = 0\n    order = torch.randperm(len(x))\n")], arguments="--epochs 12")
    return cases
