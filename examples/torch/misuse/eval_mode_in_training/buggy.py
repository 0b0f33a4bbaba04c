"""A deep narrow network with batch normalisation, on raw sensor readings."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
readings = torch.randn(1600, 10)
labels = ((readings[:, 0] * readings[:, 1] > 0).long() + 2 * (readings[:, 2] > 0).long())
readings = readings * 0.02 + 20
loader = DataLoader(TensorDataset(readings[:1200], labels[:1200]), batch_size=40, shuffle=True)

model = nn.Sequential(
    nn.BatchNorm1d(10), nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 32), nn.BatchNorm1d(32), nn.ReLU(),
    nn.Linear(32, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()


def accuracy():
    model.eval()
    with torch.no_grad():
        return (model(readings[1200:]).argmax(1) == labels[1200:]).float().mean().item()


print("before training: accuracy %.2f" % accuracy())
for epoch in range(25):
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    print("epoch %d: accuracy %.2f" % (epoch + 1, accuracy()))
