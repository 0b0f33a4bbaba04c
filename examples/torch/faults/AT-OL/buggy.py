# Three blobs, one hidden layer
from pathlib import Path

import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

table = np.loadtxt(Path(__file__).resolve().parent / "../../../faults/data/three-blobs.csv", delimiter=",", skiprows=1)
inputs = torch.tensor(table[:, :2], dtype=torch.float32)
classes = torch.tensor(table[:, 2], dtype=torch.int64)
train = TensorDataset(inputs[:500], classes[:500])
loader = DataLoader(train, batch_size=1, shuffle=True)

model = nn.Sequential(nn.Linear(2, 50), nn.ReLU(), nn.Linear(50, 3))
for layer in (model[0], model[2]):
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

for epoch in range(100):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
    if epoch % 10 == 9:
        with torch.no_grad():
            accuracy = (model(inputs[500:]).argmax(1) == classes[500:]).float().mean().item()
        print(f"epoch {epoch + 1}: loss {total / len(train):.3f}, test accuracy {accuracy:.3f}")
