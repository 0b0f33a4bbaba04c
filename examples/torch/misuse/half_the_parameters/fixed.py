"""Digits by an encoder and a classifier."""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.data, dtype=torch.float32) / 16
labels = torch.tensor(digits.target)
loader = DataLoader(TensorDataset(images[:1500], labels[:1500]), batch_size=50, shuffle=True)

encoder = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 4), nn.Tanh())
classifier = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam([*encoder.parameters(), *classifier.parameters()], lr=0.005)

for epoch in range(15):
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(classifier(encoder(x)), y)
        loss.backward()
        optimizer.step()
    print("epoch %d: loss %.3f" % (epoch + 1, loss.item()))

with torch.no_grad():
    print("accuracy %.2f" % (classifier(encoder(images[1500:])).argmax(1) == labels[1500:]).float().mean())
