"""Clothes with a plain network (stackoverflow.com/questions/55328966 has MNIST), repaired."""
import gzip
import os

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
FOLDER = os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist")


def load(kind, count):
    with gzip.open(os.path.join(FOLDER, kind + "-images-idx3-ubyte.gz")) as f:
        images = np.frombuffer(f.read(16 + 784 * count), dtype=np.uint8, offset=16).reshape(-1, 784)
    with gzip.open(os.path.join(FOLDER, kind + "-labels-idx1-ubyte.gz")) as f:
        labels = np.frombuffer(f.read(8 + count), dtype=np.uint8, offset=8)
    return torch.tensor(images, dtype=torch.float32) / 255, torch.tensor(labels, dtype=torch.long)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(784, 784)
        self.fc2 = nn.Linear(784, 50)
        self.fc3 = nn.Linear(50, 10)
        for layer in self.children():
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = self.fc1(x)
        x = torch.relu(self.fc2(x))
        return self.fc3(x)


x_train, y_train = load("train", 5000)
x_test, y_test = load("t10k", 1000)
train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=32, shuffle=True)

net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(net.parameters(), lr=0.001)

for epoch in range(10):
    running_loss = 0.0
    for i, (inputs, labels) in enumerate(train_loader):
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    print("[%d] loss: %.3f" % (epoch + 1, running_loss / len(train_loader)))

with torch.no_grad():
    predicted = net(x_test).argmax(dim=1)
print("Accuracy on the test images: %.3f" % (predicted == y_test).float().mean().item())
