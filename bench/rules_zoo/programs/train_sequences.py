"""Train on sequences made at each step: python train_sequences.py --task adding --net gru"""
import argparse

import torch
import torch.nn.functional as F
from torch import nn


def adding(batch, length):
    """The sum of the two numbers that are marked."""
    values, marks = torch.rand(batch, length), torch.zeros(batch, length)
    first, second = torch.randint(0, length // 2, (batch,)), torch.randint(length // 2, length, (batch,))
    marks[torch.arange(batch), first] = 1
    marks[torch.arange(batch), second] = 1
    return torch.stack([values, marks], 2), (values * marks).sum(1, keepdim=True)


def copying(batch, length):
    """Repeat the symbols after a gap: each place of the second half answers with its twin of the first."""
    symbols = torch.randint(1, 6, (batch, length // 2))
    inputs = torch.cat([symbols, torch.zeros_like(symbols)], 1)
    return F.one_hot(inputs, 6).float(), symbols


def counting(batch, length):
    """Which of three symbols comes most often."""
    symbols = torch.randint(0, 3, (batch, length))
    counts = F.one_hot(symbols, 3).sum(1) + torch.rand(batch, 3) * 0.1
    return F.one_hot(symbols, 3).float(), counts.argmax(1)


def brackets(batch, length):
    """Whether the brackets are closed at the end of each prefix: depth 0 or not."""
    moves = torch.randint(0, 2, (batch, length)) * 2 - 1
    depth, levels = torch.zeros(batch), []
    for i in range(length):
        depth = (depth + moves[:, i]).clamp(0, 4)
        levels.append(depth)
    return moves[..., None].float(), torch.stack(levels, 1).long()


class Model(nn.Module):
    def __init__(self, kind, inputs, width, outputs, length, each):
        super().__init__()
        self.kind, self.each = kind, each
        if kind == "transformer":
            self.embed = nn.Linear(inputs, width)
            self.position = nn.Parameter(torch.randn(length, width) * 0.1)
            self.body = nn.TransformerEncoder(nn.TransformerEncoderLayer(width, 4, 2 * width, 0.0, batch_first=True), 2)
        elif kind == "conv":
            self.body = nn.Sequential(nn.Conv1d(inputs, width, 5, padding=2), nn.ReLU(), nn.Conv1d(width, width, 5, padding=2), nn.ReLU())
        else:
            self.body = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[kind](inputs, width, batch_first=True)
        self.head = nn.Linear(width, outputs)

    def forward(self, x):
        if self.kind == "transformer":
            x = self.body(self.embed(x) + self.position)
        elif self.kind == "conv":
            x = self.body(x.transpose(1, 2)).transpose(1, 2)
        else:
            x, _ = self.body(x)
        if not self.each:
            x = x.mean(1) if self.kind in ("conv", "transformer") else x[:, -1]
        return self.head(x)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--task", default="adding")
    parser.add_argument("--net", default="gru")
    parser.add_argument("--length", type=int, default=16)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--opt", default="adam")
    parser.add_argument("--lr", type=float, default=0.005)
    parser.add_argument("--clip", type=float, default=1.0)
    args = parser.parse_args()

    torch.manual_seed(1)
    make, inputs, outputs, each = {"adding": (adding, 2, 1, False), "copying": (copying, 6, 6, True), "counting": (counting, 3, 3, False), "brackets": (brackets, 1, 5, True)}[args.task]
    model = Model(args.net, inputs, args.width, outputs, args.length, each)
    optimizer = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop}[args.opt](model.parameters(), lr=args.lr)

    def loss_of(output, y):
        if args.task == "adding":
            return F.mse_loss(output, y)
        if each:
            return F.cross_entropy(output[:, -y.shape[1]:].flatten(0, 1), y.flatten())
        return F.cross_entropy(output, y)

    for step in range(args.steps):
        x, y = make(args.batch, args.length)
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        if args.clip:
            nn.utils.clip_grad_norm_(model.parameters(), args.clip)
        optimizer.step()
        if step % 200 == 0:
            print(f"step {step} loss {loss.item():.4f}")

    model.eval()
    x, y = make(500, args.length)
    with torch.no_grad():
        output = model(x)
    if args.task == "adding":
        print(f"r2 {1 - F.mse_loss(output, y) / y.var():.4f}")
    else:
        output = output[:, -y.shape[1]:] if each else output
        print(f"accuracy {(output.argmax(-1) == y).float().mean():.4f}")


if __name__ == "__main__":
    main()
