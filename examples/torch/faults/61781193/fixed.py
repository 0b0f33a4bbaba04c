"""Clothes with one hidden layer (stackoverflow.com/questions/61781193 has MNIST)."""
import gzip
import os

import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(0)
FOLDER = os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist")


def load(name, count):
    with gzip.open(os.path.join(FOLDER, name + "-images-idx3-ubyte.gz")) as f:
        images = np.frombuffer(f.read(16 + 784 * count), dtype=np.uint8, offset=16)
    with gzip.open(os.path.join(FOLDER, name + "-labels-idx1-ubyte.gz")) as f:
        labels = np.frombuffer(f.read(8 + count), dtype=np.uint8, offset=8)
    return torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 28, 28) / 255, torch.tensor(labels, dtype=torch.long)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(28 * 28, 128)
        self.relu = nn.ReLU()
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = self.relu(self.fc1(self.flatten(x)))
        return self.fc2(x)


x_train, y_train = load("train", 10000)
x_test, y_test = load("t10k", 2000)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x_train, y_train), batch_size=32, shuffle=True)

net = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)

for epoch in range(10):
    for data, target in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(net(data), target)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (net(x_test).argmax(1) == y_test).float().mean().item()
    print("epoch %d: loss %.4f, accuracy %.4f" % (epoch + 1, loss.item(), accuracy))
