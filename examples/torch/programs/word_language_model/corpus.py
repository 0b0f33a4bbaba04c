"""Words of a text file as numbers, after pytorch/examples/word_language_model."""
import os
import subprocess

import torch


class Dictionary(object):
    def __init__(self):
        self.word2idx = {}
        self.idx2word = []

    def add_word(self, word):
        if word not in self.word2idx:
            self.idx2word.append(word)
            self.word2idx[word] = len(self.idx2word) - 1
        return self.word2idx[word]

    def __len__(self):
        return len(self.idx2word)


class Corpus(object):
    def __init__(self, path, lines=None):
        self.dictionary = Dictionary()
        text = self.read(path)[:lines]
        tenth = max(1, len(text) // 10)
        self.train = self.tokenize(text[:-2 * tenth])
        self.valid = self.tokenize(text[-2 * tenth:-tenth])
        self.test = self.tokenize(text[-tenth:])

    def read(self, path):
        """The lines of a file, of the King James Bible (Debian's bible-kjv), or else of a text made here."""
        if path:
            with open(path, 'r', encoding="utf8") as f:
                return f.read().splitlines()
        try:
            book = subprocess.run(['bible', '-f', 'Gen1:1-Exo40:38'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout.decode()
            return [line.split(' ', 1)[1] for line in book.splitlines() if ' ' in line]
        except (OSError, subprocess.CalledProcessError):
            return self.made_up()

    def made_up(self):
        generator = torch.Generator().manual_seed(3)
        who = ['the man', 'the woman', 'a dog', 'the king', 'a child', 'the old fox']
        does = ['sees', 'follows', 'fears', 'loves', 'calls']
        where = ['in the house', 'by the river', 'at night', 'under the tree', '']

        def pick(words):
            return words[int(torch.randint(len(words), (1,), generator=generator))]
        return [' '.join([pick(who), pick(does), pick(who), pick(where)]).strip() + ' .' for _ in range(3000)]

    def tokenize(self, lines):
        ids = []
        for line in lines:
            words = line.replace(',', ' ,').replace('.', ' .').replace(':', ' :').replace(';', ' ;').split() + ['<eos>']
            ids.extend(self.dictionary.add_word(word) for word in words)
        return torch.tensor(ids, dtype=torch.int64)
