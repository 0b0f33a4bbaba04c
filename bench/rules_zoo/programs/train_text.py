"""Train a language model of characters: python train_text.py TEXT --net lstm"""
import argparse
import math

import torch
import torch.nn.functional as F
from torch import nn


class Recurrent(nn.Module):
    def __init__(self, kind, symbols, width, layers):
        super().__init__()
        self.embed = nn.Embedding(symbols, 32)
        self.body = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[kind](32, width, layers, batch_first=True)
        self.head = nn.Linear(width, symbols)

    def forward(self, x):
        output, _ = self.body(self.embed(x))
        return self.head(output)


class Transformer(nn.Module):
    def __init__(self, symbols, width, layers, length):
        super().__init__()
        self.embed = nn.Embedding(symbols, width)
        self.position = nn.Embedding(length, width)
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, 0.1, "gelu", batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, layers)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, symbols, bias=False)
        self.head.weight = self.embed.weight
        nn.init.normal_(self.embed.weight, std=0.05)
        nn.init.normal_(self.position.weight, std=0.02)

    def forward(self, x):
        length = x.shape[1]
        mask = torch.full((length, length), -math.inf).triu(1)
        x = self.embed(x) + self.position(torch.arange(length))
        return self.head(self.norm(self.body(x, mask)))


class Dilated(nn.Module):
    """Causal convolutions, each looking twice as far back, with gates."""

    def __init__(self, symbols, width, layers):
        super().__init__()
        self.embed = nn.Embedding(symbols, width)
        self.convs = nn.ModuleList(nn.Conv1d(width, 2 * width, 2, dilation=2 ** i) for i in range(layers))
        self.head = nn.Linear(width, symbols)

    def forward(self, x):
        x = self.embed(x).transpose(1, 2)
        for i, conv in enumerate(self.convs):
            value, gate = conv(F.pad(x, (2 ** i, 0))).chunk(2, 1)
            x = x + torch.tanh(value) * torch.sigmoid(gate)
        return self.head(x.transpose(1, 2))


class Window(nn.Module):
    """Bengio's: the last eight symbols, embedded, through one hidden layer."""

    def __init__(self, symbols, width, past=8):
        super().__init__()
        self.past = past
        self.embed = nn.Embedding(symbols + 1, 16)
        self.hidden = nn.Linear(16 * past, width)
        self.head = nn.Linear(width, symbols)

    def forward(self, x):
        padded = F.pad(x + 1, (self.past - 1, 0))
        x = self.embed(padded.unfold(1, self.past, 1)).flatten(2)
        return self.head(torch.tanh(self.hidden(x)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text")
    parser.add_argument("--net", default="lstm")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--length", type=int, default=32)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--opt", default="adam")
    parser.add_argument("--lr", type=float, default=0.003)
    parser.add_argument("--clip", type=float)
    parser.add_argument("--start", type=int, default=0, help="of the slice of the text, in characters")
    args = parser.parse_args()

    torch.manual_seed(0)
    with open(args.text) as file:
        text = file.read()[args.start:args.start + 400000]
    symbols = sorted(set(text))
    codes = {symbol: code for code, symbol in enumerate(symbols)}
    data = torch.tensor([codes[symbol] for symbol in text])
    train, valid = data[:-20000], data[-20000:]
    if args.net in ("lstm", "gru", "rnn"):
        model = Recurrent(args.net, len(symbols), args.width, args.layers)
    elif args.net == "transformer":
        model = Transformer(len(symbols), args.width, args.layers, args.length)
    elif args.net == "dilated":
        model = Dilated(len(symbols), args.width, args.layers)
    else:
        model = Window(len(symbols), args.width)
    if args.opt == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    else:
        optimizer = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop}[args.opt](model.parameters(), lr=args.lr)

    for step in range(args.steps):
        start = torch.randint(len(train) - args.length - 1, (args.batch,))
        rows = torch.stack([train[s:s + args.length + 1] for s in start])
        logits = model(rows[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        if args.clip:
            nn.utils.clip_grad_norm_(model.parameters(), args.clip)
        optimizer.step()
        if step % 200 == 0:
            print(f"step {step} loss {loss.item():.3f}")

    model.eval()
    rows = valid[:len(valid) // (args.length + 1) * (args.length + 1)].view(-1, args.length + 1)[:300]
    with torch.no_grad():
        bits = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten()).item() / math.log(2)
    share = torch.bincount(train, minlength=len(symbols)).float().clamp(min=0.5) / len(train)
    unigram = -share[rows[:, 1:]].log2().mean().item()
    print(f"bits a character {bits:.3f}, of single characters {unigram:.3f}")
    print(f"saved {1 - bits / unigram:.4f}")


if __name__ == "__main__":
    main()
