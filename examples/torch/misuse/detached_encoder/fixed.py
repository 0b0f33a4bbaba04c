"""Digits: a convolutional encoder whose features go into a small classifier."""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
loader = DataLoader(TensorDataset(images[:1500], labels[:1500]), batch_size=50, shuffle=True)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2), nn.Tanh(), nn.Flatten(), nn.Linear(72, 4), nn.Tanh())
        self.classifier = nn.Linear(4, 10)

    def forward(self, x):
        features = self.encoder(x)
        return self.classifier(features)


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(15):
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    print("epoch %d: loss %.3f" % (epoch + 1, loss.item()))
