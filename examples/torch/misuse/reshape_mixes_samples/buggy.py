"""Three sensors, twenty readings each: which of four movements is it? The readings of each sensor are filtered first."""
import torch
from torch import nn

torch.manual_seed(0)
count, sensors, length = 1200, 3, 20
labels = torch.randint(0, 4, (count,))
time = torch.linspace(0, 6, length)
signal = torch.stack([torch.sin(time * (1 + label)) * (1 if label % 2 else -1) for label in labels.tolist()])
readings = torch.stack([signal * gain for gain in (1.0, 0.5, -1.0)], 1) + 0.3 * torch.randn(count, sensors, length)


class Movement(nn.Module):
    def __init__(self):
        super().__init__()
        self.filter = nn.Linear(length, 16)
        self.head = nn.Sequential(nn.Linear(16 * sensors, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, x):
        x = x.permute(1, 0, 2)
        x = torch.relu(self.filter(x))
        x = x.reshape(x.shape[1], -1)
        return self.head(x)


model = Movement()
optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
criterion = nn.CrossEntropyLoss()
for epoch in range(20):
    for batch in torch.randperm(count).split(30):
        optimizer.zero_grad()
        loss = criterion(model(readings[batch]), labels[batch])
        loss.backward()
        optimizer.step()
    print("epoch %d: loss %.3f" % (epoch + 1, loss.item()))

with torch.no_grad():
    print("accuracy %.2f" % (model(readings).argmax(1) == labels).float().mean())
