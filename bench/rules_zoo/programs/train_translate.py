"""Sequence to sequence with attention: read a word of digits backwards. python train_translate.py"""
import argparse

import torch
import torch.nn.functional as F
from torch import nn


class Translator(nn.Module):
    def __init__(self, symbols, width):
        super().__init__()
        self.embed = nn.Embedding(symbols, width)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.decoder = nn.GRU(width, width, batch_first=True)
        self.query = nn.Linear(width, width, bias=False)
        self.head = nn.Linear(2 * width, symbols)

    def forward(self, source, target):
        memory, state = self.encoder(self.embed(source))
        output, _ = self.decoder(self.embed(target), state)
        weights = torch.softmax(self.query(output) @ memory.transpose(1, 2) / memory.shape[2] ** 0.5, 2)
        return self.head(torch.cat([output, weights @ memory], 2))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--lr", type=float, default=0.005)
    parser.add_argument("--length", type=int, default=8)
    args = parser.parse_args()
    torch.manual_seed(0)

    def batch(size):
        source = torch.randint(1, 10, (size, args.length))
        target = source.flip(1)
        return source, torch.cat([torch.zeros(size, 1, dtype=torch.long), target[:, :-1]], 1), target

    model = Translator(10, 32)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for step in range(args.steps):
        source, before, target = batch(32)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(source, before).flatten(0, 1), target.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 200 == 0:
            print(f"step {step} loss {loss.item():.3f}")
    source, before, target = batch(500)
    with torch.no_grad():
        print(f"accuracy {(model(source, before).argmax(2) == target).float().mean():.4f}")


if __name__ == "__main__":
    main()
