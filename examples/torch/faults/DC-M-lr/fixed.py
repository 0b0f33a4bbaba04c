"""The convolutional network of the Keras examples, on clothes in place of digits."""
import gzip
import os

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FOLDER = os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist")
BATCH_SIZE = 128
EPOCHS = 12


def load(name, count):
    with gzip.open(os.path.join(FOLDER, name + "-images-idx3-ubyte.gz")) as f:
        images = np.frombuffer(f.read(16 + 784 * count), dtype=np.uint8, offset=16)
    with gzip.open(os.path.join(FOLDER, name + "-labels-idx1-ubyte.gz")) as f:
        labels = np.frombuffer(f.read(8 + count), dtype=np.uint8, offset=8)
    return torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 28, 28) / 255, torch.tensor(labels, dtype=torch.long)


def build():
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(),
        nn.Conv2d(32, 64, 3), nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(12 * 12 * 64, 128), nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    )
    for layer in model:
        if hasattr(layer, "weight"):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return model


def evaluate(model, loader):
    model.eval()
    correct = total = 0
    with torch.no_grad():
        for x, y in loader:
            correct += (model(x).argmax(1) == y).sum().item()
            total += len(y)
    return correct / total


torch.manual_seed(0)
train_loader = DataLoader(TensorDataset(*load("train", 5000)), batch_size=BATCH_SIZE, shuffle=True)
test_loader = DataLoader(TensorDataset(*load("t10k", 1000)), batch_size=BATCH_SIZE)
model = build()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0, rho=0.95, eps=1e-7)

for epoch in range(EPOCHS):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    print("epoch %d: loss %.4f, test accuracy %.4f" % (epoch + 1, loss.item(), evaluate(model, test_loader)))
