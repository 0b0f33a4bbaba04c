"""Fashion-MNIST as a Dataset, in the manner of torchvision.datasets, read from the idx files of Debian's dataset-fashion-mnist."""
import gzip
import os

import numpy as np
import torch
from torch.utils.data import Dataset

ROOT = os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist")


def read_idx(path, count, header, size):
    with gzip.open(path, "rb") as file:
        file.read(header)
        return np.frombuffer(file.read(count * size), dtype=np.uint8)


class FashionMNIST(Dataset):
    classes = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]

    def __init__(self, root=ROOT, train=True, limit=None, transform=None):
        kind = "train" if train else "t10k"
        count = 60000 if train else 10000
        if limit:
            count = min(count, limit)
        images = read_idx(os.path.join(root, kind + "-images-idx3-ubyte.gz"), count, 16, 784)
        labels = read_idx(os.path.join(root, kind + "-labels-idx1-ubyte.gz"), count, 8, 1)
        self.data = torch.tensor(images).view(-1, 28, 28)
        self.targets = torch.tensor(labels).long()
        self.transform = transform

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        image = self.data[index].unsqueeze(0).float() / 255
        if self.transform is not None:
            image = self.transform(image)
        return image, int(self.targets[index])
