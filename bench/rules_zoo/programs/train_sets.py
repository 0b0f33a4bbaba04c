"""Sets: the variance of a handful of numbers, by a network that does not know their order (deep sets). python train_sets.py"""
import argparse

import torch
import torch.nn.functional as F
from torch import nn


class Sets(nn.Module):
    def __init__(self):
        super().__init__()
        self.each = nn.Sequential(nn.Linear(1, 48), nn.LeakyReLU(), nn.Linear(48, 48), nn.LeakyReLU())
        self.all = nn.Sequential(nn.Linear(48, 48), nn.LeakyReLU(), nn.Linear(48, 1))

    def forward(self, x):
        return self.all(self.each(x[..., None]).mean(1))[:, 0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=2200)
    parser.add_argument("--lr", type=float, default=0.002)
    args = parser.parse_args()
    torch.manual_seed(0)

    def batch(size):
        x = torch.randn(size, 12) * (0.5 + torch.rand(size, 1)) + torch.randn(size, 1)
        return x, x.var(1)

    model = Sets()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=args.lr)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.999)
    for step in range(args.steps):
        x, y = batch(64)
        optimizer.zero_grad()
        loss = F.smooth_l1_loss(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
    x, y = batch(1000)
    with torch.no_grad():
        print(f"r2 {1 - F.mse_loss(model(x), y) / y.var():.4f}")


if __name__ == "__main__":
    main()
