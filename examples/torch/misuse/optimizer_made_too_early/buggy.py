"""Digits by a convolutional network whose body is adapted after it was built."""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
loader = DataLoader(TensorDataset(images[:1500], labels[:1500]), batch_size=50, shuffle=True)


class Net(nn.Module):
    def __init__(self, bottleneck):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(72, bottleneck), nn.Tanh())
        self.head = nn.Linear(bottleneck, 10)

    def forward(self, x):
        return self.head(self.body(x))


net = Net(bottleneck=32)
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)

# A smaller code is enough for ten classes.
net.body[3] = nn.Linear(72, 5)
net.head = nn.Linear(5, 10)

criterion = nn.CrossEntropyLoss()
for epoch in range(15):
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
    print("epoch %d: loss %.3f" % (epoch + 1, loss.item()))
