# Three blobs, a deep narrow network
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(0)
np.random.seed(0)

data = np.loadtxt(Path(__file__).resolve().parent / "../../../faults/data/three-blobs.csv", delimiter=",", skiprows=1)
X = torch.tensor(data[:, :2], dtype=torch.float32)
y = torch.tensor(data[:, 2], dtype=torch.int64)
X_train, X_test = X[:500], X[500:]
y_train, y_test = y[:500], y[500:]


class DeepNet(nn.Module):
    def __init__(self, n_layers=9, width=5):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2 if i == 0 else width, width) for i in range(n_layers)])
        self.head = nn.Linear(width, 3)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))
        return self.head(x)


net = DeepNet()
criterion = nn.CrossEntropyLoss()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
batch_size = 32

for epoch in range(100):
    order = torch.randperm(len(X_train))
    running = 0.0
    for i in range(0, len(X_train), batch_size):
        idx = order[i:i + batch_size]
        opt.zero_grad()
        loss = criterion(net(X_train[idx]), y_train[idx])
        loss.backward()
        opt.step()
        running += loss.item() * len(idx)
    if epoch % 10 == 9:
        with torch.no_grad():
            acc = (net(X_test).argmax(1) == y_test).float().mean().item()
        print(f"epoch {epoch + 1}: loss {running / len(X_train):.4f}, test accuracy {acc:.3f}")

with torch.no_grad():
    acc = (net(X_test).argmax(1) == y_test).float().mean().item()
print(f"accuracy: {acc:.3f}")
