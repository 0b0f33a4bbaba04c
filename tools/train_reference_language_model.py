#!/usr/bin/python3
"""Trains a language model of the Penn Treebank kind for the reference of `tenet health`: on the King James Bible, whose 790,000 words are about as many as that corpus has.

No package carries a trained word-level LSTM or a small decoder with its plain weights, so these two are ours; the table of the reference says so.
lstm: embedding 200, two LSTM layers of 200 with dropout 0.3, as in the small model of Zaremba et al. 2014 (arXiv:1409.2329), SGD with clipping and a falling rate.
transformer: a pre-norm decoder of 4 layers, width 128, AdamW with warm-up and cosine decay, as GPT-2 is.

The text comes from Debian's packages bible-kjv and bible-kjv-text. PyTorch is Debian's (python3-torch). Never run by build or tests.

Usage: train_reference_language_model.py lstm|transformer --output FILE.npz [--minutes 10] [--threads 1]
"""
import argparse
import collections
import math
import re
import subprocess
import sys
import time

import numpy
import torch
from torch import nn

VOCABULARY, LENGTH, BATCH, VALID_SHARE = 4000, 35, 20, 0.05


def read_words():
    text = subprocess.run(["bible", "-f", "gen1:1-rev22:21"], check=True, capture_output=True, text=True).stdout
    words = []
    for line in text.splitlines():
        words += re.findall(r"[a-z']+|[.,;:?!]", line.partition(" ")[2].lower()) + ["<eos>"]
    counts = collections.Counter(words)
    known = [word for word, _ in counts.most_common(VOCABULARY - 1)]
    index = {word: i + 1 for i, word in enumerate(known)}
    return torch.tensor([index.get(word, 0) for word in words])


class WordLstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 200)
        self.lstm = nn.LSTM(200, 200, num_layers=2, dropout=0.3)
        self.dropout = nn.Dropout(0.3)
        self.decoder = nn.Linear(200, VOCABULARY)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)

    def forward(self, words, state=None):
        hidden, state = self.lstm(self.dropout(self.embedding(words)), state)
        return self.decoder(self.dropout(hidden)), state


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(width, width) for _ in range(4))
        self.fc_up, self.fc_down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x, mask):
        length, batch, width = x.shape
        y = self.norm_1(x)
        q, k, v = (p(y).view(length, batch, self.heads, -1).permute(1, 2, 0, 3) for p in (self.q_proj, self.k_proj, self.v_proj))
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[3]) + mask
        mixed = (torch.softmax(scores, 3) @ v).permute(2, 0, 1, 3).reshape(length, batch, width)
        x = x + self.dropout(self.o_proj(mixed))
        return x + self.dropout(self.fc_down(torch.nn.functional.gelu(self.fc_up(self.norm_2(x)))))


class WordTransformer(nn.Module):
    def __init__(self, width=128, heads=4, layers=4):
        super().__init__()
        self.word_embedding = nn.Embedding(VOCABULARY, width)
        self.position_embedding = nn.Embedding(LENGTH, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, VOCABULARY, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, words, _=None):
        length = words.shape[0]
        x = self.word_embedding(words) + self.position_embedding.weight[:length, None]
        mask = torch.full((length, length), -math.inf).triu(1)
        for block in self.blocks:
            x = block(x, mask)
        return self.lm_head(self.norm(x)), None


def perplexity(net, words):
    net.eval()
    total, count, state = 0.0, 0, None
    with torch.no_grad():
        columns = words[: len(words) // BATCH * BATCH].view(BATCH, -1).t()
        for start in range(0, len(columns) - LENGTH - 1, LENGTH):
            logits, state = net(columns[start : start + LENGTH], state)
            target = columns[start + 1 : start + 1 + LENGTH].reshape(-1)
            total += nn.functional.cross_entropy(logits.view(-1, VOCABULARY), target, reduction="sum").item()
            count += len(target)
    net.train()
    return math.exp(total / count)


def train(net, kind, words, minutes, seconds=time.process_time):
    """Until the minutes of processor time are spent; the rate falls over them."""
    cut = int(len(words) * (1 - VALID_SHARE))
    train_words, valid_words = words[:cut], words[cut:]
    columns = train_words[: len(train_words) // BATCH * BATCH].view(BATCH, -1).t()
    if kind == "lstm":
        optimizer = torch.optim.SGD(net.parameters(), lr=8.0)
        rate = lambda done, step: 8.0 * (1 if done < 0.5 else 0.02 ** ((done - 0.5) / 0.5))
    else:
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.1)
        rate = lambda done, step: 1e-3 * min(1, (step + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * done))
    begin, step, epoch = seconds(), 0, 0
    while True:
        state = None
        for start in range(0, len(columns) - LENGTH - 1, LENGTH):
            done = (seconds() - begin) / (60 * minutes)
            if done >= 1:
                return step, perplexity(net, valid_words)
            optimizer.param_groups[0]["lr"] = rate(done, step)
            if state is not None:
                state = tuple(part.detach() for part in state)
            logits, state = net(columns[start : start + LENGTH], state)
            loss = nn.functional.cross_entropy(logits.view(-1, VOCABULARY), columns[start + 1 : start + 1 + LENGTH].reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.25 if kind == "lstm" else 1.0)
            optimizer.step()
            step += 1
        epoch += 1
        print(f"epoch {epoch}, step {step}: validation perplexity {perplexity(net, valid_words):.1f}", file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description="Train a reference language model on the King James Bible.")
    parser.add_argument("kind", choices=["lstm", "transformer"])
    parser.add_argument("--output", required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    net = WordLstm() if options.kind == "lstm" else WordTransformer()
    steps, final = train(net, options.kind, read_words(), options.minutes)
    numpy.savez(options.output, **{name: parameter.detach().numpy() for name, parameter in net.named_parameters()})
    print(f"{options.kind}: {steps} steps, validation perplexity {final:.1f}", flush=True)


if __name__ == "__main__":
    main()
