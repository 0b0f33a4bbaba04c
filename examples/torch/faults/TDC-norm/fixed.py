"""Miles per gallon from the Auto MPG table."""
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
rows = np.loadtxt(Path(__file__).resolve().parent.joinpath("../../../faults/data/auto-mpg.csv"), delimiter=",", skiprows=1).astype(np.float32)
np.random.default_rng(0).shuffle(rows)
train, test = rows[:314], rows[314:]
x_train, x_test = torch.from_numpy(train[:, 1:]), torch.from_numpy(test[:, 1:])
mean, std = x_train.mean(0), x_train.std(0)
x_train, x_test = (x_train - mean) / std, (x_test - mean) / std
y_train, y_test = torch.from_numpy(train[:, :1]), torch.from_numpy(test[:, :1])

model = nn.Sequential(nn.Linear(9, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
for layer in model[::2]:
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x_train, y_train), batch_size=32, shuffle=True)

for epoch in range(50):
    for x, y in loader:
        loss = F.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    error = F.mse_loss(model(x_test), y_test)
print("test R2: %.3f" % (1 - error / y_test.var(unbiased=False)).item())
