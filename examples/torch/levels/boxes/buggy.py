"""Finds a red and a blue rectangle in an image. Each side of a box is the mean of a coordinate under a map that the network draws (Sun et al. 2018, "Integral human pose regression").

Usage: buggy.py [HYPES]. "task" of the hypes is the boxes of both, or an easier version of it: "count", or "box of the red one"."""
import json
import os
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

COLOURS = 2
SMALLEST, LARGEST = 4, 9
FOLDER = os.path.dirname(os.path.abspath(__file__))


def draw(image, side):
    """Puts a rectangle into one colour of the image; its box, from 0 to 1."""
    height, width = torch.randint(SMALLEST, LARGEST, (2,)).tolist()
    top, left = int(torch.randint(side - height, ())), int(torch.randint(side - width, ()))
    image[top:top + height, left:left + width] = 1
    rows, columns = image.nonzero(as_tuple=True)
    return torch.stack([rows.min(), columns.min(), rows.max(), columns.max()]) / (side - 1)


def make_images(count, side, task):
    """Images [count, 2, side, side] and boxes [count, 8] or [count, 4], or how many objects there are: none, one or two."""
    images = torch.zeros(count, COLOURS, side, side)
    boxes = torch.zeros(count, 4 * COLOURS)
    shown = torch.rand(count, COLOURS) < 0.5 if task == "count" else torch.ones(count, COLOURS).bool()
    for i in range(count):
        for colour in range(COLOURS):
            if shown[i, colour]:
                boxes[i, 4 * colour:4 * colour + 4] = draw(images[i, colour], side)
    images += 0.1 * torch.randn(images.shape)
    if task == "count":
        return images, shown.sum(1)
    return images, boxes[:, :4] if task == "box of the red one" else boxes


class Finder(nn.Module):
    def __init__(self, filters, side, task):
        super().__init__()
        sides = {"count": 0, "box of the red one": 4}.get(task, 4 * COLOURS)
        self.features = nn.Sequential(nn.Conv2d(COLOURS, filters, 3, padding=1), nn.ReLU(), nn.Conv2d(filters, filters, 3, padding=1), nn.ReLU())
        self.maps = nn.Conv2d(filters, sides, 3, padding=1) if sides else None
        self.count = None if sides else nn.Linear(filters, COLOURS + 1)
        places = torch.linspace(0, 1, side)
        # Left and right are columns, top and bottom are rows.
        grid = torch.stack([places.expand(side, side), places[:, None].expand(side, side)])
        self.register_buffer("places", grid.repeat(sides // 2, 1, 1).flatten(1))

    def forward(self, images):
        features = self.features(images)
        if self.count is not None:
            return self.count(features.amax((2, 3)))
        return (self.maps(features).flatten(2).softmax(2) * self.places).sum(2)


def evaluate(model, loader):
    """The accuracy of counts, the R2 of boxes."""
    model.eval()
    with torch.no_grad():
        pairs = [(model(x), y) for x, y in loader]
    predicted, target = torch.cat([p for p, _ in pairs]), torch.cat([t for _, t in pairs])
    if target.dim() == 1:
        return (predicted.argmax(1) == target).float().mean()
    return 1 - ((predicted - target) ** 2).mean() / target.var(0, unbiased=False).mean()


def main():
    path = os.environ.get("TENET_HYPES") or (sys.argv[1] if len(sys.argv) > 1 else os.path.join(FOLDER, "hypes.json"))
    with open(path, encoding="utf-8") as f:
        hypes = json.load(f)
    torch.manual_seed(0)
    count, task = hypes["train_samples"], hypes["task"]
    images, targets = make_images(count + hypes["test_samples"], hypes["side"], task)
    train_loader = DataLoader(TensorDataset(images[:count], targets[:count]), batch_size=hypes["batch_size"], shuffle=True)
    test_loader = DataLoader(TensorDataset(images[count:], targets[count:]), batch_size=100)
    torch.manual_seed(hypes["seed"])
    model = Finder(hypes["filters"], hypes["side"], task)
    criterion = nn.CrossEntropyLoss() if task == "count" else nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=hypes["learning_rate"])
    for epoch in range(hypes["epochs"]):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
        print("epoch %d: loss %.4f, test score %.4f" % (epoch + 1, loss.item(), evaluate(model, test_loader)))


main()
