# Two circles, a deep narrow network
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

data = np.loadtxt(Path(__file__).resolve().parent / "../../../faults/data/two-circles.csv", delimiter=",", skiprows=1)
X = torch.tensor(data[:, :2], dtype=torch.float32)
y = torch.tensor(data[:, 2:], dtype=torch.float32)
train_loader = DataLoader(TensorDataset(X[:500], y[:500]), batch_size=128, shuffle=True)
X_test, y_test = X[500:], y[500:]

layers = []
for i in range(8):
    layers += [nn.Linear(2 if i == 0 else 5, 5), nn.ReLU()]
model = nn.Sequential(*layers, nn.Linear(5, 1), nn.Sigmoid())
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.kaiming_uniform_(m.weight, nonlinearity="relu")
        nn.init.zeros_(m.bias)

criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

for epoch in range(300):
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
    if (epoch + 1) % 50 == 0:
        with torch.no_grad():
            accuracy = ((model(X_test) > 0.5) == (y_test > 0.5)).float().mean().item()
        print(f"epoch {epoch + 1}: loss {loss.item():.4f}, test accuracy {accuracy:.3f}")
