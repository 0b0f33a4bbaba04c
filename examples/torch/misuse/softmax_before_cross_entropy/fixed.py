"""Which of eight waves is it? A GRU reads the samples one after the other."""
import torch
from torch import nn

torch.manual_seed(0)
count, length, classes = 768, 24, 8
labels = torch.randint(0, classes, (count,))
time = torch.linspace(0, 6.28, length)
waves = torch.sin(time * (1 + labels.unsqueeze(1)) + 0.3 * torch.randn(count, 1)) + 0.1 * torch.randn(count, length)


class WaveReader(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, classes)

    def forward(self, x):
        states, _ = self.gru(x.unsqueeze(2))
        return self.out(states[:, -1])


model = WaveReader()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
criterion = nn.CrossEntropyLoss()
for epoch in range(12):
    for batch in torch.randperm(count).split(64):
        optimizer.zero_grad()
        loss = criterion(model(waves[batch]), labels[batch])
        loss.backward()
        optimizer.step()
    print("epoch %d: loss %.3f" % (epoch + 1, loss.item()))

with torch.no_grad():
    print("accuracy %.2f" % (model(waves).argmax(1) == labels).float().mean())
