"""A mixture density network on the inverse of y = x + 0.3 sin(2 pi x), which has several answers. python train_mixture.py"""
import argparse
import math

import torch
from torch import nn


class Mixture(nn.Module):
    def __init__(self, parts):
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh())
        self.weight, self.mean, self.log_spread = nn.Linear(32, parts), nn.Linear(32, parts), nn.Linear(32, parts)

    def forward(self, x):
        x = self.hidden(x)
        return torch.log_softmax(self.weight(x), 1), self.mean(x), self.log_spread(x).clamp(-5, 3)


def surprise(output, y):
    weight, mean, spread = output
    return -torch.logsumexp(weight - 0.5 * ((y - mean) / spread.exp()) ** 2 - spread - 0.5 * math.log(2 * math.pi), 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--lr", type=float, default=0.005)
    args = parser.parse_args()
    torch.manual_seed(0)
    y = torch.rand(3000, 1)
    x = y + 0.3 * torch.sin(2 * math.pi * y) + 0.04 * torch.randn(3000, 1)
    x = (x - x.mean()) / x.std()
    model = Mixture(5)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for step in range(args.steps):
        rows = torch.randint(0, 2500, (64,))
        optimizer.zero_grad()
        loss = surprise(model(x[rows]), y[rows]).mean()
        loss.backward()
        optimizer.step()
        if step % 500 == 0:
            print(f"step {step} loss {loss.item():.3f}")
    with torch.no_grad():
        found = surprise(model(x[2500:]), y[2500:]).mean().item()
    # One normal distribution for all y knows this much less.
    alone = 0.5 * math.log(2 * math.pi * math.e * y.var().item())
    print(f"nats saved {alone - found:.4f}")


if __name__ == "__main__":
    main()
