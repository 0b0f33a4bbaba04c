"""Fine-tune the head of a network whose trunk is frozen: trained before, or left as random features. python train_transfer.py DATA.npz --trunk trained|random"""
import argparse

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--trunk", default="trained")
    parser.add_argument("--limit", type=int, default=3000)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--epochs", type=int, default=12)
    args = parser.parse_args()

    torch.manual_seed(0)
    data = np.load(args.data)
    x, y = torch.from_numpy(data["x"]).flatten(1)[:args.limit], torch.from_numpy(data["y"])[:args.limit]
    x = x / x.max()
    train = len(x) * 4 // 5
    wide = 96 if args.trunk == "trained" else 512
    trunk = nn.Sequential(nn.Linear(x.shape[1], wide), nn.ReLU(), nn.Linear(wide, wide), nn.ReLU())
    if args.trunk == "trained":
        # The other task, without an optimizer object: which pair of classes?
        head = nn.Linear(wide, 5)
        parameters = [*trunk.parameters(), *head.parameters()]
        for _ in range(400):
            rows = torch.randint(0, train, (64,))
            gradients = torch.autograd.grad(F.cross_entropy(head(trunk(x[rows])), y[rows] // 2), parameters)
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients):
                    parameter -= 0.3 * gradient
    for parameter in trunk.parameters():
        parameter.requires_grad = False

    model = nn.Sequential(trunk, nn.Linear(wide, int(y.max()) + 1))
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=args.lr, momentum=0.9)
    for epoch in range(args.epochs):
        for rows in torch.randperm(train)[:train // 32 * 32].view(-1, 32):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f}")
    with torch.no_grad():
        print(f"accuracy {(model(x[train:]).argmax(1) == y[train:]).float().mean():.4f}")


if __name__ == "__main__":
    main()
