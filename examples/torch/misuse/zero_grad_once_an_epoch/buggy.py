"""Two interleaved spirals, by a network with two hidden layers."""
import math

import torch
from torch import nn

torch.manual_seed(1)
count = 1200
turn = torch.rand(count) * 3 * math.pi
side = torch.randint(0, 2, (count,))
angle = turn + side * math.pi
points = torch.stack([turn * angle.cos(), turn * angle.sin()], 1) / 5 + 0.03 * torch.randn(count, 2)

model = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
loss_function = nn.CrossEntropyLoss()

for epoch in range(60):
    optimizer.zero_grad()
    order = torch.randperm(count)
    for batch in order.split(40):
        loss = loss_function(model(points[batch]), side[batch])
        loss.backward()
        optimizer.step()
    if epoch % 10 == 9:
        print("epoch %d: loss %.3f" % (epoch + 1, loss.item()))

with torch.no_grad():
    print("accuracy %.2f" % (model(points).argmax(1) == side).float().mean())
