"""Which value belongs to the key that is asked for? Attention over eight pairs of key and value."""
import math

import torch
from torch import nn

torch.manual_seed(0)
count, pairs, kinds = 1536, 8, 6
keys = torch.stack([torch.randperm(pairs) for _ in range(count)])
values = torch.randint(0, kinds, (count, pairs))
asked = torch.randint(0, pairs, (count, 1))
answers = values.gather(1, (keys == asked).long().argmax(1, keepdim=True)).squeeze(1)


class Lookup(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.keys = nn.Embedding(pairs, width)
        self.values = nn.Embedding(kinds, width)
        self.query = nn.Linear(width, width)
        self.out = nn.Linear(width, kinds)

    def forward(self, key, value, question):
        query = self.query(self.keys(question))
        scores = query @ self.keys(key).transpose(1, 2) / math.sqrt(query.shape[-1])
        weights = torch.softmax(scores, dim=1)
        return self.out((weights @ self.values(value)).squeeze(1))


model = Lookup()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
criterion = nn.CrossEntropyLoss()
for epoch in range(20):
    for batch in torch.randperm(count).split(64):
        optimizer.zero_grad()
        loss = criterion(model(keys[batch], values[batch], asked[batch]), answers[batch])
        loss.backward()
        optimizer.step()
    print("epoch %d: loss %.3f" % (epoch + 1, loss.item()))
