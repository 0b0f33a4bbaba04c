"""Which network packets are an attack (stackoverflow.com/questions/44066044)?"""
import os

import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(0)
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../faults/data/network-packets.csv")

dataset = np.loadtxt(DATA, delimiter=",")
X = dataset[:, 0:11]
X = torch.tensor((X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-8), dtype=torch.float32)
Y = torch.tensor(dataset[:, 11:], dtype=torch.float32)

model = nn.Sequential(
    nn.Linear(11, 12),
    nn.ReLU(),
    nn.Linear(12, 1),
    nn.Sigmoid(),
)
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)

loss_fn = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
batch_size = 10

for epoch in range(500):
    order = torch.randperm(len(X))
    for i in range(0, len(X), batch_size):
        batch = order[i:i + batch_size]
        y_pred = model(X[batch]).clamp(1e-7, 1 - 1e-7)
        loss = loss_fn(y_pred, Y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 50 == 0:
        print(f"epoch {epoch}, loss {loss.item():.4f}")

accuracy = ((model(X) > 0.5) == (Y > 0.5)).float().mean().item()
print(f"accuracy {accuracy:.2f}")
