"""Linear regression, y = 5x (stackoverflow.com/questions/51181393)."""
import os

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(0)
torch.manual_seed(0)

folder = os.path.join(os.path.dirname(__file__), "..", "..", "..", "faults", "data")
data = np.genfromtxt(os.path.join(folder, "line.csv"), delimiter=",", skip_header=1)
np.random.shuffle(data)
x = torch.FloatTensor(data[:, 0]).view(-1, 1)
y = torch.FloatTensor(data[:, 1]).view(-1, 1)
x_train, y_train = x[:80], y[:80]
x_test, y_test = x[80:], y[80:]

loader = DataLoader(TensorDataset(x_train, y_train), batch_size=32, shuffle=True)

model = torch.nn.Linear(1, 1)
torch.nn.init.xavier_uniform_(model.weight)
torch.nn.init.zeros_(model.bias)
loss_fn = torch.nn.MSELoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001)

for epoch in range(200):
    for batch_x, batch_y in loader:
        loss = loss_fn(model(batch_x), batch_y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 20 == 19:
        print("epoch: {}, loss: {:.5f}".format(epoch + 1, loss.item()))

print("weight", model.weight.item(), "bias", model.bias.item())
with torch.no_grad():
    print("test mse: {:.5f}".format(loss_fn(model(x_test), y_test).item()))
