"""Train on bags of words: which part of the text a line is from (a classifier), or which words stand beside which (skip-grams).

python train_words.py TEXT --task part|skipgram [--sparse]
"""
import argparse
import collections
import re

import torch
import torch.nn.functional as F
from torch import nn


class Bags(nn.Module):
    def __init__(self, words, width, classes, sparse):
        super().__init__()
        self.bag = nn.EmbeddingBag(words, width, mode="mean", sparse=sparse)
        self.head = nn.Linear(width, classes)

    def forward(self, words, offsets):
        return self.head(self.bag(words, offsets))


class SkipGram(nn.Module):
    """Mikolov's, with negative samples."""

    def __init__(self, words, width):
        super().__init__()
        self.inner = nn.Embedding(words, width)
        self.outer = nn.Embedding(words, width)
        nn.init.uniform_(self.inner.weight, -0.5 / width, 0.5 / width)
        nn.init.zeros_(self.outer.weight)

    def forward(self, centers, others):
        return (self.inner(centers)[:, None] * self.outer(others)).sum(2)


def part_of(args, lines, codes):
    part = len(lines) // 4
    samples = [(torch.tensor([codes[w] for w in line if w in codes] or [0]), int(i >= len(lines) - part)) for i, line in enumerate(lines) if i < part or i >= len(lines) - part]
    order = torch.randperm(len(samples)).tolist()
    train, valid = order[:-2000], order[-2000:]
    model = Bags(len(codes), 24, 2, args.sparse)
    if args.sparse:
        optimizers = [torch.optim.SparseAdam(list(model.bag.parameters()), lr=args.lr), torch.optim.Adam(model.head.parameters(), lr=args.lr)]
    else:
        optimizers = [torch.optim.Adam(model.parameters(), lr=args.lr)]

    def batch_of(rows):
        lengths = torch.tensor([0] + [len(samples[i][0]) for i in rows])
        return torch.cat([samples[i][0] for i in rows]), lengths.cumsum(0)[:-1], torch.tensor([samples[i][1] for i in rows])

    for step in range(args.steps):
        words, offsets, labels = batch_of([train[i] for i in torch.randint(len(train), (32,)).tolist()])
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = F.cross_entropy(model(words, offsets), labels)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
    model.eval()
    with torch.no_grad():
        words, offsets, labels = batch_of(valid)
        print(f"accuracy {(model(words, offsets).argmax(1) == labels).float().mean():.4f}")


def skipgrams(args, lines, codes):
    text = torch.tensor([codes[w] for line in lines for w in line if w in codes])
    model = SkipGram(len(codes), 24)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    share = torch.bincount(text, minlength=len(codes)).float() ** 0.75

    def batch(size):
        at = torch.randint(3, len(text) - 3, (size,))
        distance = torch.randint(1, 3, (size,)) * (torch.randint(0, 2, (size,)) * 2 - 1)
        negatives = torch.multinomial(share, size * 5, replacement=True).view(size, 5)
        return text[at], torch.cat([text[at + distance][:, None], negatives], 1)

    for step in range(args.steps):
        centers, others = batch(128)
        scores = model(centers, others)
        truth = torch.zeros_like(scores)
        truth[:, 0] = 1
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(scores, truth) * 6
        loss.backward()
        optimizer.step()
        if step % 500 == 0:
            print(f"step {step} loss {loss.item():.3f}")
    with torch.no_grad():
        scores = model(*batch(4000))
    # How often the true neighbour beats a random word: one half without knowledge.
    print(f"accuracy {(scores[:, :1] > scores[:, 1:]).float().mean():.4f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text")
    parser.add_argument("--task", default="part")
    parser.add_argument("--sparse", action="store_true")
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--words", type=int, default=3000)
    args = parser.parse_args()
    torch.manual_seed(0)
    with open(args.text) as file:
        lines = [re.findall(r"[a-z]+", line.lower()) for line in file]
    counts = collections.Counter(word for line in lines for word in line)
    codes = {word: code for code, (word, _) in enumerate(counts.most_common(args.words))}
    (part_of if args.task == "part" else skipgrams)(args, lines, codes)


if __name__ == "__main__":
    main()
