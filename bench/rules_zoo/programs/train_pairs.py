"""Learn an embedding of images in which those of a class lie together: python train_pairs.py DATA.npz --loss contrastive|triplet|proxy"""
import argparse

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Tower(nn.Module):
    def __init__(self, pixels, code):
        super().__init__()
        self.fc1 = nn.Linear(pixels, 96)
        self.fc2 = nn.Linear(96, code)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--loss", default="contrastive")
    parser.add_argument("--limit", type=int, default=3000)
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=800)
    args = parser.parse_args()

    torch.manual_seed(0)
    data = np.load(args.data)
    x, y = torch.from_numpy(data["x"]).flatten(1)[:args.limit], torch.from_numpy(data["y"])[:args.limit]
    x = x / x.max()
    train = len(x) * 4 // 5
    by_class = [torch.nonzero(y[:train] == c).flatten() for c in range(int(y.max()) + 1)]
    model = Tower(x.shape[1], 8)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)

    for step in range(args.steps):
        anchors = torch.randint(0, train, (args.batch,))
        same = torch.stack([by_class[y[a]][torch.randint(len(by_class[y[a]]), (1,))[0]] for a in anchors])
        other = torch.randint(0, train, (args.batch,))
        optimizer.zero_grad()
        if args.loss == "triplet":
            keep = y[other] != y[anchors]
            loss = F.triplet_margin_loss(model(x[anchors[keep]]), model(x[same[keep]]), model(x[other[keep]]))
        else:
            left, right = torch.cat([anchors, anchors]), torch.cat([same, other])
            alike = (y[left] == y[right]).float()
            distance = F.pairwise_distance(model(x[left]), model(x[right]))
            loss = (alike * distance ** 2 + (1 - alike) * F.relu(2 - distance) ** 2).mean()
        loss.backward()
        optimizer.step()
        if step % 200 == 0:
            print(f"step {step} loss {loss.item():.4f}")

    model.eval()
    with torch.no_grad():
        nearest = torch.cdist(model(x[train:]), model(x[:train])).argmin(1)
    print(f"accuracy {(y[nearest] == y[train:]).float().mean():.4f}")


if __name__ == "__main__":
    main()
