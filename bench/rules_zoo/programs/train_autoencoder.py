"""Train an autoencoder: python train_autoencoder.py DATA.npz --kind plain|denoise|variational"""
import argparse

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Plain(nn.Module):
    def __init__(self, pixels, code):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(pixels, 96), nn.ReLU(), nn.Linear(96, code))
        self.decoder = nn.Sequential(nn.Linear(code, 96), nn.ReLU(), nn.Linear(96, pixels))

    def forward(self, x):
        return torch.sigmoid(self.decoder(self.encoder(x)))


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(1, 8, 3, 2, 1), nn.Conv2d(8, 16, 3, 2, 1)
        self.up1, self.up2 = nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.ConvTranspose2d(8, 1, 4, 2, 1)

    def forward(self, x):
        x = F.elu(self.down2(F.elu(self.down1(x))))
        return self.up2(F.elu(self.up1(x)))


class Variational(nn.Module):
    def __init__(self, pixels, code):
        super().__init__()
        self.hidden = nn.Linear(pixels, 96)
        self.mean, self.log_variance = nn.Linear(96, code), nn.Linear(96, code)
        self.decoder = nn.Sequential(nn.Linear(code, 96), nn.ReLU(), nn.Linear(96, pixels))

    def forward(self, x):
        hidden = torch.relu(self.hidden(x))
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        code = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean) if self.training else mean
        return self.decoder(code), mean, log_variance


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--kind", default="plain")
    parser.add_argument("--code", type=int, default=12)
    parser.add_argument("--limit", type=int, default=2000)
    parser.add_argument("--lr", type=float, default=0.002)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=20)
    args = parser.parse_args()

    torch.manual_seed(0)
    x = torch.from_numpy(np.load(args.data)["x"])
    x = x[..., 0] if x.dim() == 4 else x
    x = x[:args.limit]
    train = len(x) * 9 // 10
    pixels = x[0].numel()
    flat = args.kind != "denoise"
    x = x.flatten(1) if flat else x[:, None]
    model = {"plain": lambda: Plain(pixels, args.code), "denoise": Convolutional, "variational": lambda: Variational(pixels, args.code)}[args.kind]()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)

    for epoch in range(args.epochs):
        model.train()
        for rows in torch.randperm(train)[:train // args.batch * args.batch].view(-1, args.batch):
            batch = x[rows]
            optimizer.zero_grad()
            if args.kind == "variational":
                logits, mean, log_variance = model(batch)
                divergence = -0.5 * (1 + log_variance - mean ** 2 - log_variance.exp()).sum(1).mean()
                loss = F.binary_cross_entropy_with_logits(logits, batch, reduction="sum") / len(batch) + divergence
            elif args.kind == "denoise":
                loss = F.mse_loss(model(batch + 0.2 * torch.randn_like(batch)), batch)
            else:
                loss = F.mse_loss(model(batch), batch)
            loss.backward()
            optimizer.step()
        if epoch % 5 == 0:
            print(f"epoch {epoch} loss {loss.item():.4f}")

    model.eval()
    with torch.no_grad():
        clean = x[train:]
        output = model(clean)
        output = torch.sigmoid(output[0]) if args.kind == "variational" else output
    print(f"r2 {1 - ((output - clean) ** 2).sum() / ((clean - x[:train].mean(0)) ** 2).sum():.4f}")


if __name__ == "__main__":
    main()
