"""A network as a function of place: a picture by sines (SIREN), or the solution of an equation by its residual. python train_field.py --task picture|oscillator [DATA.npz]"""
import argparse
import math

import numpy as np
import torch
from torch import nn


class Sine(nn.Module):
    def __init__(self, inputs, outputs, first=False):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        limit = 1 / inputs if first else math.sqrt(6 / inputs) / 12
        nn.init.uniform_(self.linear.weight, -limit, limit)

    def forward(self, x):
        return torch.sin(12 * self.linear(x))


def picture(args):
    image = torch.from_numpy(np.load(args.data)["x"][args.image])
    side = torch.linspace(-1, 1, len(image))
    place = torch.stack(torch.meshgrid(side, side, indexing="ij"), 2).view(-1, 2)
    value = image.reshape(-1, 1)
    model = nn.Sequential(Sine(2, 64, True), Sine(64, 64), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for _ in range(args.steps):
        optimizer.zero_grad()
        loss = ((model(place) - value) ** 2).mean()
        loss.backward()
        optimizer.step()
    print(f"r2 {1 - ((model(place) - value) ** 2).mean() / value.var():.4f}")


def oscillator(args):
    """u'' = -4 u with u(0) = 1, u'(0) = 0, so u = cos 2t."""
    model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for _ in range(args.steps):
        t = (torch.rand(64, 1) * 2).requires_grad_()
        u = model(t)
        slope = torch.autograd.grad(u.sum(), t, create_graph=True)[0]
        bend = torch.autograd.grad(slope.sum(), t, create_graph=True)[0]
        zero = torch.zeros(1, 1, requires_grad=True)
        start = model(zero)
        start_slope = torch.autograd.grad(start.sum(), zero, create_graph=True)[0]
        loss = ((bend + 4 * u) ** 2).mean() + 20 * ((start - 1) ** 2).mean() + 20 * (start_slope ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    t = torch.linspace(0, 2, 100)[:, None]
    with torch.no_grad():
        truth = torch.cos(2 * t)
        print(f"r2 {1 - ((model(t) - truth) ** 2).mean() / truth.var():.4f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="?")
    parser.add_argument("--task", default="picture")
    parser.add_argument("--image", type=int, default=3)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--lr", type=float, default=0.001)
    args = parser.parse_args()
    torch.manual_seed(0)
    (picture if args.task == "picture" else oscillator)(args)


if __name__ == "__main__":
    main()
