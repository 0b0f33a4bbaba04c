"""Digits with a softmax that is written out, and sharpened by a temperature."""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def softmax(x):
    powers = torch.exp(x - x.amax(dim=1, keepdim=True))
    return powers / powers.sum(dim=1, keepdim=True)


torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.data, dtype=torch.float32) / 16
labels = torch.tensor(digits.target)
loader = DataLoader(TensorDataset(images[:1500], labels[:1500]), batch_size=50, shuffle=True)

net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
for epoch in range(15):
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.nll_loss(torch.log(softmax(net(x) / 0.01) + 1e-9), y)
        loss.backward()
        optimizer.step()
    print("epoch %d: loss %.3f" % (epoch + 1, loss.item()))

with torch.no_grad():
    print("accuracy %.2f" % (net(images[1500:]).argmax(1) == labels[1500:]).float().mean())
