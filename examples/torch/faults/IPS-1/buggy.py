# Softmax regression after the TensorFlow beginners' tutorial, on Fashion-MNIST
import gzip
import os
import struct
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

folder = Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))


def read_idx(path):
    with gzip.open(path, "rb") as f:
        _, _, dims = struct.unpack(">HBB", f.read(4))
        shape = struct.unpack(">" + "I" * dims, f.read(4 * dims))
        return np.frombuffer(f.read(), dtype=np.uint8).reshape(shape)


def one_hot(labels):
    return F.one_hot(torch.from_numpy(labels.astype(np.int64)), 10).float()


x_train = torch.from_numpy(read_idx(folder / "train-images-idx3-ubyte.gz").reshape(-1, 784).astype(np.float32) / 255)
x_test = torch.from_numpy(read_idx(folder / "t10k-images-idx3-ubyte.gz").reshape(-1, 784).astype(np.float32) / 255)
y_train = one_hot(read_idx(folder / "train-labels-idx1-ubyte.gz"))
y_test = one_hot(read_idx(folder / "t10k-labels-idx1-ubyte.gz"))

torch.manual_seed(0)
model = torch.nn.Linear(784, 10)
torch.nn.init.xavier_uniform_(model.weight)
torch.nn.init.zeros_(model.bias)
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)

for step in range(1000):
    batch = torch.randint(0, len(x_train), (100,))
    x, y_ = x_train[batch], y_train[batch]
    y = F.softmax(model(x), dim=1)
    cross_entropy = -torch.sum(y_ * torch.log(y))
    optimizer.zero_grad()
    cross_entropy.backward()
    optimizer.step()
    if step % 100 == 0:
        print("step", step, "cross entropy", cross_entropy.item())

with torch.no_grad():
    correct = torch.argmax(model(x_test), dim=1) == torch.argmax(y_test, dim=1)
print("accuracy", correct.float().mean().item())
