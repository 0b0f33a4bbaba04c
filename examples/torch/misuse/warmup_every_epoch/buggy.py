"""A transformer layer on short sequences, with a linear warm-up over the first hundred steps."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
count, length, kinds = 1280, 10, 5
tokens = torch.randint(0, kinds, (count, length))
labels = torch.stack([(tokens == kind).sum(1) for kind in range(kinds)], 1).argmax(1)
loader = DataLoader(TensorDataset(tokens, labels), batch_size=64, shuffle=True)


class Counter(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.embedding = nn.Embedding(kinds, width)
        self.layer = nn.TransformerEncoderLayer(width, 2, 32, dropout=0.0, batch_first=True)
        self.out = nn.Linear(width, kinds)

    def forward(self, x):
        return self.out(self.layer(self.embedding(x)).mean(1))


model = Counter()
optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 100))
criterion = nn.CrossEntropyLoss()
for epoch in range(12):
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    scheduler.step()
    print("epoch %d: loss %.3f" % (epoch + 1, loss.item()))
