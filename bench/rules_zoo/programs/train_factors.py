"""Recommend: factorise a table of ratings by embeddings of users and items. python train_factors.py"""
import argparse

import torch
import torch.nn.functional as F
from torch import nn


class Factors(nn.Module):
    def __init__(self, users, items, width):
        super().__init__()
        self.user, self.item = nn.Embedding(users, width), nn.Embedding(items, width)
        self.user_bias, self.item_bias = nn.Embedding(users, 1), nn.Embedding(items, 1)
        self.offset = nn.Parameter(torch.tensor(3.0))
        for table in (self.user, self.item, self.user_bias, self.item_bias):
            nn.init.normal_(table.weight, std=0.1)

    def forward(self, users, items):
        return self.offset + self.user_bias(users)[:, 0] + self.item_bias(items)[:, 0] + (self.user(users) * self.item(items)).sum(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--epochs", type=int, default=12)
    args = parser.parse_args()

    torch.manual_seed(0)
    users, items = torch.randint(0, 300, (30000,)), torch.randint(0, 200, (30000,))
    taste, kind = torch.randn(300, 4), torch.randn(200, 4)
    ratings = 3 + 0.4 * torch.randn(300)[users] + 0.5 * (taste[users] * kind[items]).sum(1) + 0.2 * torch.randn(30000)
    train = 26000
    model = Factors(300, 200, 8)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.02)
    for epoch in range(args.epochs):
        for rows in torch.randperm(train)[:train // 128 * 128].view(-1, 128):
            optimizer.zero_grad()
            loss = F.mse_loss(model(users[rows], items[rows]), ratings[rows])
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f}")
    with torch.no_grad():
        output = model(users[train:], items[train:])
    print(f"r2 {1 - F.mse_loss(output, ratings[train:]) / ratings[train:].var():.4f}")


if __name__ == "__main__":
    main()
