"""Regression with an activation of one's own: swish, x * sigmoid(x), with its gradient written out."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        gate = torch.sigmoid(x)
        ctx.save_for_backward(x, gate)
        return x * gate

    @staticmethod
    def backward(ctx, gradient):
        x, gate = ctx.saved_tensors
        return gradient * (gate + x * gate * (1 - gate))


swish = Swish.apply


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 40)
        self.second = nn.Linear(40, 40)
        self.out = nn.Linear(40, 1)

    def forward(self, x):
        return self.out(swish(self.second(swish(self.first(x)))))


torch.manual_seed(0)
inputs = torch.randn(1000, 4)
targets = (inputs[:, :1] * inputs[:, 1:2] + torch.sin(2 * inputs[:, 2:3]))
loader = DataLoader(TensorDataset(inputs, targets), batch_size=40, shuffle=True)
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
criterion = nn.MSELoss()
for epoch in range(40):
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
    if epoch % 10 == 9:
        print("epoch %d: loss %.4f" % (epoch + 1, loss.item()))
