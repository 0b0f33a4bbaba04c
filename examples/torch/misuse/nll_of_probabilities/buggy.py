"""Digits, read row by row by a recurrent network, with a negative log-likelihood loss."""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32) / 16
labels = torch.tensor(digits.target)
loader = DataLoader(TensorDataset(images[:1500], labels[:1500]), batch_size=50, shuffle=True)


class RowReader(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(8, 48, batch_first=True)
        self.out = nn.Linear(48, 10)

    def forward(self, x):
        _, state = self.rnn(x)
        return F.softmax(self.out(state[-1]), dim=1)


model = RowReader()
criterion = nn.NLLLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
for epoch in range(15):
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    print("epoch %d: loss %.3f" % (epoch + 1, loss.item()))

with torch.no_grad():
    print("accuracy %.2f" % (model(images[1500:]).argmax(1) == labels[1500:]).float().mean())
