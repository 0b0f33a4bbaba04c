"""Regression with a loss that is written out."""
import torch
from torch import nn

torch.manual_seed(3)
x = torch.rand(900, 3) * 4 - 2
y = x[:, 0] ** 2 - x[:, 1] * x[:, 2]
y = (y - y.mean()) / y.std()


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 50), nn.Tanh(), nn.Linear(50, 50), nn.Tanh())
        self.head = nn.Linear(50, 1)

    def forward(self, inputs):
        return self.head(self.body(inputs))


model = Regressor()
optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
for epoch in range(50):
    for batch in torch.randperm(len(x)).split(30):
        prediction = model(x[batch])
        error = prediction.squeeze(1) - y[batch]
        loss = (error ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 10 == 9:
        print("epoch %d: loss %.4f" % (epoch + 1, loss.item()))
