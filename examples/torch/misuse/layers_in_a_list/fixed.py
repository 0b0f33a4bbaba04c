"""A deeper regression network: z = sin(3x) * cos(2y)."""
import torch
from torch import nn

torch.manual_seed(0)
inputs = torch.rand(1000, 2) * 2 - 1
targets = (torch.sin(3 * inputs[:, :1]) * torch.cos(2 * inputs[:, 1:])) * 2


class Deep(nn.Module):
    def __init__(self, width=24, depth=3):
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.hidden = nn.ModuleList([nn.Linear(3 if i == 0 else width, width) for i in range(depth)])
        self.last = nn.Linear(width, 1)

    def forward(self, x):
        x = torch.tanh(self.first(x))
        for layer in self.hidden:
            x = torch.tanh(layer(x))
        return self.last(x)


model = Deep()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
criterion = nn.MSELoss()
for epoch in range(60):
    for batch in torch.randperm(len(inputs)).split(50):
        optimizer.zero_grad()
        loss = criterion(model(inputs[batch]), targets[batch])
        loss.backward()
        optimizer.step()
    if epoch % 10 == 9:
        print("epoch %d: loss %.4f" % (epoch + 1, loss.item()))
