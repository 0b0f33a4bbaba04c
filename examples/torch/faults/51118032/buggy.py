"""Four convolutions, as in the Keras example for CIFAR-10 (stackoverflow.com/questions/51118032), on clothes."""
import gzip
import os

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim

torch.manual_seed(7)
FOLDER = os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist")


def load(name, count):
    with gzip.open(os.path.join(FOLDER, name + "-images-idx3-ubyte.gz")) as f:
        images = np.frombuffer(f.read(16 + 784 * count), dtype=np.uint8, offset=16)
    with gzip.open(os.path.join(FOLDER, name + "-labels-idx1-ubyte.gz")) as f:
        labels = np.frombuffer(f.read(8 + count), dtype=np.uint8, offset=8)
    return torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 28, 28) / 255, torch.tensor(labels, dtype=torch.long)


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 32, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Dropout(0.25),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(64, 64, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Dropout(0.25),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(64 * 5 * 5, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, 10))
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, x):
        return self.classifier(self.features(x))


train_x, train_y = load("train", 4000)
test_x, test_y = load("t10k", 1000)
dataset = torch.utils.data.TensorDataset(train_x, train_y)
loader = torch.utils.data.DataLoader(dataset, batch_size=32, shuffle=True)

net = ConvNet()
criterion = nn.CrossEntropyLoss()
sgd = optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True)

for epoch in range(25):
    net.train()
    running_loss = 0.0
    for images, labels in loader:
        sgd.zero_grad()
        loss = criterion(net(images), labels)
        loss.backward()
        sgd.step()
        running_loss += loss.item()
    net.eval()
    with torch.no_grad():
        accuracy = (net(test_x).argmax(1) == test_y).float().mean().item()
    print("epoch %d: loss %.3f, accuracy %.3f" % (epoch + 1, running_loss / len(loader), accuracy))
