"""Miles per gallon from the Auto MPG table, with a training function."""
import os
import random

import numpy as np
import torch
from torch import nn


class Regressor(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.hidden1 = nn.Linear(9, width)
        self.hidden2 = nn.Linear(width, width)
        self.output = nn.Linear(width, 1)
        self.relu1 = nn.ReLU()
        self.relu2 = nn.ReLU()
        self.activation = nn.Softmax(dim=1)
        for layer in (self.hidden1, self.hidden2, self.output):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = self.relu1(self.hidden1(x))
        x = self.relu2(self.hidden2(x))
        return self.activation(self.output(x))


def load():
    here = os.path.dirname(os.path.abspath(__file__))
    rows = np.loadtxt(os.path.join(here, "..", "..", "..", "faults", "data", "auto-mpg.csv"), delimiter=",", skiprows=1)
    rows = rows[np.random.permutation(len(rows))]
    x, y = rows[:, 1:], rows[:, :1]
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


def train_model(model, x, y, epochs=50, batch_size=32):
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        permutation = torch.randperm(x.shape[0])
        for start in range(0, x.shape[0], batch_size):
            rows = permutation[start:start + batch_size]
            optimizer.zero_grad()
            loss = criterion(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
        if epoch % 10 == 0:
            print(epoch, loss.item())


def main():
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    x, y = load()
    model = Regressor()
    train_model(model, x[:314], y[:314])
    with torch.no_grad():
        error = ((model(x[314:]) - y[314:]) ** 2).mean()
    print("R2", (1 - error / y[314:].var()).item())


if __name__ == "__main__":
    main()
