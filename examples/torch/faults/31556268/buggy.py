"""XOR with a small network, as asked in stackoverflow.com/questions/31556268: it stays at 0.5."""
import os

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim

here = os.path.dirname(os.path.abspath(__file__))
table = np.loadtxt(os.path.join(here, "..", "..", "..", "faults", "data", "xor.csv"), delimiter=",", skiprows=1, dtype=np.float32)
X = torch.from_numpy(table[:, :2])
y = torch.from_numpy(table[:, 2:])

torch.manual_seed(1)

model = nn.Sequential(
    nn.Linear(2, 4),
    nn.Sigmoid(),
    nn.Linear(4, 1),
    nn.Sigmoid(),
)
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
criterion = nn.L1Loss()
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.11, nesterov=True)

for epoch in range(1000):
    optimizer.zero_grad()
    output = model(X)
    loss = criterion(output, y)
    loss.backward()
    optimizer.step()
    if epoch % 100 == 0:
        print("epoch", epoch, "loss", loss.item())

with torch.no_grad():
    output = model(X)
    print(output)
    accuracy = ((output > 0.5).float() == y).float().mean().item()
print("accuracy", accuracy)
