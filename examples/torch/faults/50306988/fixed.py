"""Two clouds of points (stackoverflow.com/questions/50306988)."""
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split

BATCH_SIZE = 32
EPOCHS = 100
LEARNING_RATE = 0.1


class Classifier(nn.Module):
    def __init__(self):
        super(Classifier, self).__init__()
        self.fc1 = nn.Linear(2, 2)
        self.fc2 = nn.Linear(2, 2)
        for layer in self.children():
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = torch.sigmoid(self.fc1(x))
        x = self.fc2(x)
        return F.log_softmax(x, dim=1)


def train(model, loader, optimizer, criterion):
    model.train()
    total = 0.0
    for points, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(points), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
    return total / len(loader.dataset)


def evaluate(model, loader):
    model.eval()
    correct = 0
    with torch.no_grad():
        for points, labels in loader:
            correct += (model(points).argmax(dim=1) == labels).sum().item()
    return correct / len(loader.dataset)


torch.manual_seed(42)
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../faults/data/two-blobs.csv")
table = np.loadtxt(path, delimiter=",", skiprows=1)
dataset = TensorDataset(torch.tensor(table[:, :2], dtype=torch.float32), torch.tensor(table[:, 2], dtype=torch.long))
train_set, val_set = random_split(dataset, [160, 40])
train_loader = DataLoader(train_set, batch_size=BATCH_SIZE, shuffle=True)
val_loader = DataLoader(val_set, batch_size=BATCH_SIZE)

model = Classifier()
criterion = nn.NLLLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)

for epoch in range(1, EPOCHS + 1):
    loss = train(model, train_loader, optimizer, criterion)
    if EPOCHS <= 10 or epoch % 10 == 0:
        print("Epoch %d/%d  loss: %.4f  val_acc: %.4f" % (epoch, EPOCHS, loss, evaluate(model, val_loader)))

print("Final accuracy: %.4f" % evaluate(model, val_loader))
