"""Fuel consumption of cars (Auto MPG), a regression with two hidden layers."""
import os

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "faults", "data", "auto-mpg.csv")


class CarDataset(Dataset):
    def __init__(self, features, targets):
        self.features = features.astype(np.float32)
        self.targets = targets.astype(np.float32)

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        return self.features[index], self.targets[index]


class MPGNet(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.fc1 = nn.Linear(n_features, 64)
        self.fc2 = nn.Linear(64, 64)
        self.fc3 = nn.Linear(64, 1)
        self.relu = nn.ReLU()
        self.init_weights()

    def init_weights(self):
        for layer in (self.fc1, self.fc2):
            nn.init.constant_(layer.weight, 0.01)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = self.relu(self.fc1(x))
        x = self.relu(self.fc2(x))
        return self.fc3(x).squeeze(1)


def r2_score(model, loader):
    model.eval()
    predictions, targets = [], []
    with torch.no_grad():
        for x, y in loader:
            predictions.append(model(x))
            targets.append(y)
    predictions, targets = torch.cat(predictions), torch.cat(targets)
    return 1 - ((predictions - targets) ** 2).sum().item() / ((targets - targets.mean()) ** 2).sum().item()


def main():
    torch.manual_seed(0)
    table = np.loadtxt(DATA, delimiter=",", skiprows=1)
    np.random.RandomState(0).shuffle(table)
    split = int(0.8 * len(table))
    x_train, x_test = table[:split, 1:], table[split:, 1:]
    y_train, y_test = table[:split, 0], table[split:, 0]
    mean, std = x_train.mean(axis=0), x_train.std(axis=0)
    train_loader = DataLoader(CarDataset((x_train - mean) / std, y_train), batch_size=32, shuffle=True)
    test_loader = DataLoader(CarDataset((x_test - mean) / std, y_test), batch_size=32)

    model = MPGNet(x_train.shape[1])
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    for epoch in range(50):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if (epoch + 1) % 10 == 0:
            print(f"Epoch {epoch + 1}: mse {np.mean(losses):.3f}")
    print(f"R2 {r2_score(model, test_loader):.3f}")


if __name__ == "__main__":
    main()
