"""Which token stood third? An LSTM over embedded tokens."""
import torch
from torch import nn

torch.manual_seed(0)
count, length, kinds = 1024, 8, 4
tokens = torch.randint(0, kinds, (count, length))
labels = tokens[:, 2]


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(kinds, 8)
        self.lstm = nn.LSTM(8, 32, batch_first=True)
        self.out = nn.Linear(32, kinds)

    def forward(self, x):
        states, _ = self.lstm(self.embedding(x))
        return self.out(states[:, -1])


model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
criterion = nn.CrossEntropyLoss()
for epoch in range(20):
    for batch in torch.randperm(count).split(32):
        optimizer.zero_grad()
        loss = criterion(model(tokens[batch]), labels[batch])
        loss.backward()
        optimizer.step()
    print("epoch %d: loss %.3f" % (epoch + 1, loss.item()))
