"""Train an image classifier: python train_images.py DATA.npz --net resnet --limit 3000"""
import argparse

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class LeNet(nn.Module):
    """LeCun's, with its tanh and average pooling."""

    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.LazyLinear(84)
        self.fc2 = nn.Linear(84, classes)

    def forward(self, x):
        x = F.avg_pool2d(torch.tanh(self.conv1(x)), 2)
        x = F.avg_pool2d(torch.tanh(self.conv2(x)), 2)
        x = torch.tanh(self.fc1(x.flatten(1)))
        return self.fc2(x)


class Block(nn.Module):
    def __init__(self, channels, out, stride, norm):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.norm1 = norm(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.norm2 = norm(out)
        self.short = nn.Conv2d(channels, out, 1, stride) if stride != 1 or channels != out else nn.Identity()

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return F.relu(y + self.short(x))


def resnet(classes, norm=nn.BatchNorm2d):
    return nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), norm(8), nn.ReLU(), Block(8, 8, 1, norm), Block(8, 16, 2, norm), Block(16, 16, 1, norm),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, classes))


def separable(classes):
    """Depthwise and pointwise convolutions, as in MobileNet."""
    layers, channels = [nn.Conv2d(1, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU6()], 16
    for out, stride in ((24, 1), (32, 2), (32, 1)):
        layers += [nn.Conv2d(channels, channels, 3, stride, 1, groups=channels), nn.BatchNorm2d(channels), nn.ReLU6(), nn.Conv2d(channels, out, 1), nn.BatchNorm2d(out), nn.ReLU6()]
        channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.1), nn.Linear(channels, classes))


class Dense(nn.Module):
    """Each layer sees all those before it."""

    def __init__(self, classes, growth=8):
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, 2, 1)
        self.layers = nn.ModuleList(nn.Sequential(nn.BatchNorm2d(16 + growth * i), nn.ReLU(), nn.Conv2d(16 + growth * i, growth, 3, 1, 1)) for i in range(4))
        self.norm = nn.BatchNorm2d(16 + 4 * growth)
        self.head = nn.Linear(16 + 4 * growth, classes)

    def forward(self, x):
        x = F.max_pool2d(self.stem(x), 2)
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return self.head(F.relu(self.norm(x)).mean((2, 3)))


class Patches(nn.Module):
    """A vision transformer, or with mixer=True an MLP-mixer, over patches of 4 x 4."""

    def __init__(self, classes, size, width=32, depth=2, mixer=False):
        super().__init__()
        count = (size // 4) ** 2
        self.embed = nn.Conv2d(1, width, 4, 4)
        self.position = nn.Parameter(torch.randn(1, count, width) * 0.02)
        if mixer:
            self.blocks = nn.Sequential(*[Mixer(count, width) for _ in range(depth)])
        else:
            layer = nn.TransformerEncoderLayer(width, 4, 64, 0.0, "gelu", batch_first=True, norm_first=True)
            self.blocks = nn.TransformerEncoder(layer, depth)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2) + self.position
        x = self.norm(self.blocks(x))
        return self.head(x.mean(1))


class Mixer(nn.Module):
    def __init__(self, count, width):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.tokens = nn.Sequential(nn.Linear(count, 32), nn.GELU(), nn.Linear(32, count))
        self.channels = nn.Sequential(nn.Linear(width, 64), nn.GELU(), nn.Linear(64, width))

    def forward(self, x):
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.norm2(x))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--net", default="lenet")
    parser.add_argument("--limit", type=int, default=3000)
    parser.add_argument("--opt", default="adam")
    parser.add_argument("--lr", type=float, default=0.002)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--smoothing", type=float, default=0)
    parser.add_argument("--augment", action="store_true", help="random shifts")
    parser.add_argument("--warmup", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(0)
    data = np.load(args.data)
    x, y = torch.from_numpy(data["x"]), torch.from_numpy(data["y"])
    x = (x[..., 0] if x.dim() == 4 else x)[:, None]
    x, y = x[:args.limit + 500], y[:args.limit + 500]
    train = len(x) - min(500, len(x) // 5)
    classes, size = int(y.max()) + 1, x.shape[-1]
    nets = {
        "lenet": lambda: LeNet(classes), "resnet": lambda: resnet(classes), "groupnorm": lambda: resnet(classes, lambda c: nn.GroupNorm(4, c)), "separable": lambda: separable(classes),
        "dense": lambda: Dense(classes), "transformer": lambda: Patches(classes, size), "mixer": lambda: Patches(classes, size, mixer=True),
    }
    model = nets[args.net]()
    model(x[:2])
    if args.opt == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, nesterov=True, weight_decay=5e-4)
    elif args.opt == "adamw":
        optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.05)
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    steps = args.epochs * (train // args.batch)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1, (s + 1) / max(1, args.warmup)) * 0.5 * (1 + np.cos(np.pi * min(1, s / steps))))
    for epoch in range(args.epochs):
        model.train()
        for rows in torch.randperm(train)[:train // args.batch * args.batch].view(-1, args.batch):
            images = x[rows]
            if args.augment:
                images = torch.roll(images, tuple(torch.randint(-1, 2, (2,)).tolist()), (2, 3))
            loss = F.cross_entropy(model(images), y[rows], label_smoothing=args.smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
        print(f"epoch {epoch} loss {loss.item():.4f}")

    model.eval()
    with torch.no_grad():
        print(f"accuracy {(model(x[train:]).argmax(1) == y[train:]).float().mean():.4f}")


if __name__ == "__main__":
    main()
