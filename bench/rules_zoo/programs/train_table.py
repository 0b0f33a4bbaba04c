"""Train a multilayer perceptron on a table: python train_table.py DATA.npz --hidden 64,64 --act relu --lr 0.01"""
import argparse

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "selu": nn.SELU, "silu": nn.SiLU, "mish": nn.Mish, "elu": nn.ELU, "gelu": nn.GELU,
               "prelu": nn.PReLU, "relu6": nn.ReLU6, "softsign": nn.Softsign}
NORMS = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm, "group": lambda width: nn.GroupNorm(4, width)}
LOSSES = {"mse": F.mse_loss, "l1": F.l1_loss, "huber": F.smooth_l1_loss, "ce": F.cross_entropy, "bce": F.binary_cross_entropy_with_logits}


class Perceptron(nn.Module):
    def __init__(self, inputs, hidden, outputs, act, norm, dropout):
        super().__init__()
        layers = []
        for width in hidden:
            layers.append(nn.Linear(inputs, width))
            if norm:
                layers.append(NORMS[norm](width))
            layers.append(ACTIVATIONS[act]())
            if dropout:
                layers.append(nn.AlphaDropout(dropout) if act == "selu" else nn.Dropout(dropout))
            inputs = width
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(inputs, outputs)

    def forward(self, x):
        x = self.body(x)
        return self.head(x)


def make_optimizer(args, model):
    if args.opt == "sgd":
        return torch.optim.SGD(model.parameters(), lr=args.lr, momentum=args.momentum, weight_decay=args.decay)
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop, "adagrad": torch.optim.Adagrad, "nadam": torch.optim.NAdam,
             "radam": torch.optim.RAdam, "adamax": torch.optim.Adamax, "rprop": torch.optim.Rprop}
    extra = {} if args.opt == "rprop" else {"weight_decay": args.decay}
    return kinds[args.opt](model.parameters(), lr=args.lr, **extra)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--hidden", default="64")
    parser.add_argument("--act", default="relu")
    parser.add_argument("--norm")
    parser.add_argument("--dropout", type=float, default=0)
    parser.add_argument("--loss", default="ce")
    parser.add_argument("--opt", default="adam")
    parser.add_argument("--lr", type=float, default=0.003)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--decay", type=float, default=0)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--schedule", choices=["onecycle", "cosine", "step"])
    parser.add_argument("--clip", type=float)
    parser.add_argument("--scale-labels", action="store_true")
    args = parser.parse_args()

    torch.manual_seed(0)
    data = np.load(args.data)
    x, y = torch.from_numpy(data["x"]).flatten(1), torch.from_numpy(data["y"])
    order = torch.randperm(len(x))
    x, y = x[order], y[order]
    train = len(x) * 4 // 5
    x = (x - x[:train].mean(0)) / (x[:train].std(0) + 1e-6)
    classes = y.dtype == torch.int64
    if args.loss == "bce" and classes:
        y, outputs = y.float()[:, None], 1
    else:
        outputs = int(y.max()) + 1 if classes else y.shape[1]
    if args.scale_labels:
        y = (y - y[:train].mean(0)) / y[:train].std(0)

    model = Perceptron(x.shape[1], [int(width) for width in args.hidden.split(",") if width], outputs, args.act, args.norm, args.dropout)
    optimizer = make_optimizer(args, model)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[:train], y[:train]), batch_size=args.batch, shuffle=True, drop_last=True)
    steps = args.epochs * len(loader)
    scheduler = None
    if args.schedule == "onecycle":
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=args.lr, total_steps=steps)
    elif args.schedule == "cosine":
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    elif args.schedule == "step":
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, steps // 4, 0.5)
    criterion = LOSSES[args.loss]

    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), labels)
            loss.backward()
            if args.clip:
                nn.utils.clip_grad_norm_(model.parameters(), args.clip)
            optimizer.step()
            if scheduler:
                scheduler.step()
            total += loss.item()
        if epoch % 10 == 0:
            print(f"epoch {epoch} loss {total / len(loader):.4f}")

    model.eval()
    with torch.no_grad():
        output, truth = model(x[train:]), y[train:]
    if args.loss == "ce":
        print(f"accuracy {(output.argmax(1) == truth).float().mean():.4f}")
    elif args.loss == "bce":
        print(f"accuracy {((output > 0).float() == truth).float().mean():.4f}")
    else:
        print(f"r2 {1 - ((output - truth) ** 2).sum() / ((truth - truth.mean(0)) ** 2).sum():.4f}")


if __name__ == "__main__":
    main()
