"""Digits with strong dropout."""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.data, dtype=torch.float32) / 16
labels = torch.tensor(digits.target)
train = DataLoader(TensorDataset(images[:1300], labels[:1300]), batch_size=50, shuffle=True)
test = DataLoader(TensorDataset(images[1300:], labels[1300:]), batch_size=100)

model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.7), nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.7), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
for epoch in range(15):
    model.train()
    for x, y in train:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    right = 0
    with torch.no_grad():
        for x, y in test:
            prediction = model(x).argmax(1)
            right += (prediction == y).sum().item()
    print("epoch %d: accuracy %.2f" % (epoch + 1, right / 497))
