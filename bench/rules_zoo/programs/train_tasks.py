"""Two tasks on one trunk: the class of a digit, and how much ink it has. python train_tasks.py DATA.npz"""
import argparse

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Shared(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.kind, self.ink = nn.Linear(32, 10), nn.Linear(32, 1)

    def forward(self, x):
        x = self.trunk(x)
        return self.kind(x), self.ink(x)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--epochs", type=int, default=30)
    args = parser.parse_args()
    torch.manual_seed(0)
    data = np.load(args.data)
    x, y = torch.from_numpy(data["x"]) / 16, torch.from_numpy(data["y"])
    ink = (x.sum(1, keepdim=True) - x.sum(1).mean()) / x.sum(1).std()
    train = 1400
    model = Shared(x.shape[1])
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [15, 25], 0.3)
    for epoch in range(args.epochs):
        for rows in torch.randperm(train)[:1376].view(-1, 32):
            kind, amount = model(x[rows])
            loss = F.cross_entropy(kind, y[rows]) + 0.5 * F.mse_loss(amount, ink[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scheduler.step()
    with torch.no_grad():
        kind, amount = model(x[train:])
    print(f"r2 of the ink {1 - F.mse_loss(amount, ink[train:]) / ink[train:].var():.4f}")
    print(f"accuracy {(kind.argmax(1) == y[train:]).float().mean():.4f}")


if __name__ == "__main__":
    main()
