# Learn y = x^2 (stackoverflow.com/questions/48221692)
import csv
from pathlib import Path

import torch
from torch import nn
import torch.nn.functional as F

DATA = Path(__file__).resolve().parents[3] / "faults" / "data" / "square-200.csv"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(1, 5)
        self.out = nn.Linear(5, 1)
        for layer in self.children():
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = torch.sigmoid(self.hidden(x))
        return self.out(x)


def main():
    with open(DATA, encoding="utf-8-sig") as f:
        rows = [(float(a), float(b)) for a, b in csv.reader(f)]
    x = torch.tensor([[a] for a, _ in rows])
    y = torch.tensor([[b] for _, b in rows])

    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for step in range(1000):
        prediction = net(x)
        loss = F.mse_loss(prediction, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % 100 == 0:
            print(f"step {step + 1:4d}  loss {loss.item():.3f}")

    net.eval()
    with torch.no_grad():
        prediction = net(x)
    mse = F.mse_loss(prediction, y).item()
    r2 = 1 - mse / y.var(unbiased=False).item()
    print(f"mse {mse:.3f}  R2 {r2:.3f}")


if __name__ == "__main__":
    main()
