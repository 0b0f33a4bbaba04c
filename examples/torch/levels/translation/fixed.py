"""Translates sentences of a toy language: word for word, and from the last word to the first.

Usage: fixed.py [HYPES]. "task" of the hypes is the sentence, or an easier version of it: "first word", or "language model", the last word of a translation from those before it."""
import json
import os
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

PAD, START = 0, 1
FIRST_WORD, WORDS = 2, 12
VOCABULARY = FIRST_WORD + WORDS
FOLDER = os.path.dirname(os.path.abspath(__file__))


def make_sentences(count, shortest, longest):
    """Source [count, longest + 1] and translation [count, longest], padded behind. After a word always comes the same one, so only the first of a translation needs the source."""
    next_word = torch.randperm(WORDS)
    source = torch.full((count, longest + 1), PAD)
    target = torch.full((count, longest), PAD)
    for i in range(count):
        length = int(torch.randint(shortest, longest + 1, ()))
        words = [int(torch.randint(WORDS, ()))]
        while len(words) < length:
            words.append(int(next_word[words[-1]]))
        source[i, :length] = torch.tensor(words) + FIRST_WORD
        target[i, :length] = (torch.tensor(words).flip(0) + WORDS // 2) % WORDS + FIRST_WORD
    return source, target


class Translator(nn.Module):
    """A decoder of one layer: attention to the words so far, attention to the source, two dense layers."""

    def __init__(self, width, longest):
        super().__init__()
        self.source_words = nn.Embedding(VOCABULARY, width)
        self.target_words = nn.Embedding(VOCABULARY, width)
        self.source_places = nn.Parameter(0.1 * torch.randn(longest + 1, width))
        self.target_places = nn.Parameter(0.1 * torch.randn(longest, width))
        self.before = nn.MultiheadAttention(width, 2, batch_first=True)
        self.across = nn.MultiheadAttention(width, 2, batch_first=True)
        self.dense = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(3)])
        self.head = nn.Linear(width, VOCABULARY)

    def forward(self, words, source=None):
        length = words.shape[1]
        x = self.target_words(words) + self.target_places[:length]
        future = torch.ones(length, length).triu(1).bool()
        x = self.norms[0](x + self.before(x, x, x, attn_mask=future, need_weights=False)[0])
        if source is not None:
            memory = self.source_words(source) + self.source_places
            x = self.norms[1](x + self.across(x, memory, memory, key_padding_mask=source == PAD, need_weights=False)[0])
        return self.head(self.norms[2](x + self.dense(x)))


def examples(source, target, task):
    """What the decoder reads [n, t], the source or nothing, and what it is to say [n, t]."""
    begun = torch.cat([torch.full((len(target), 1), START), target[:, :-1]], 1)
    if task == "language model":
        return begun, target[:, -1:]
    if task == "first word":
        return begun[:, :1], source, target[:, :1]
    return begun, source, target


def predict(model, batch):
    """Logits and targets of the places that count."""
    logits, target = model(*batch[:-1]), batch[-1]
    return logits[:, -target.shape[1]:].flatten(0, 1), target.flatten()


def evaluate(model, loader):
    model.eval()
    right = count = 0
    with torch.no_grad():
        for batch in loader:
            logits, target = predict(model, batch)
            told = target != PAD
            right += (logits.argmax(1) == target)[told].sum().item()
            count += told.sum().item()
    return right / count


def main():
    path = os.environ.get("TENET_HYPES") or (sys.argv[1] if len(sys.argv) > 1 else os.path.join(FOLDER, "hypes.json"))
    with open(path, encoding="utf-8") as f:
        hypes = json.load(f)
    torch.manual_seed(0)
    shortest, longest = hypes["words"]
    count = hypes["train_samples"]
    data = examples(*make_sentences(count + hypes["test_samples"], shortest, longest), hypes["task"])
    train_loader = DataLoader(TensorDataset(*[part[:count] for part in data]), batch_size=hypes["batch_size"], shuffle=True)
    test_loader = DataLoader(TensorDataset(*[part[count:] for part in data]), batch_size=100)
    torch.manual_seed(hypes["seed"])
    model = Translator(hypes["width"], longest)
    criterion = nn.CrossEntropyLoss(ignore_index=PAD)
    optimizer = torch.optim.Adam(model.parameters(), lr=hypes["learning_rate"])
    for epoch in range(hypes["epochs"]):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = criterion(*predict(model, batch))
            loss.backward()
            optimizer.step()
        print("epoch %d: loss %.4f, test accuracy %.4f" % (epoch + 1, loss.item(), evaluate(model, test_loader)))


main()
