"""A small residual network with a one-cycle rate and mixed precision, as people train CIFAR-10; here on Fashion-MNIST or random images."""
import argparse
import os
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from fashion_mnist import FashionMNIST


class BasicBlock(nn.Module):
    def __init__(self, in_planes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)

        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != planes:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_planes, planes, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(planes),
            )

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class ResNet(nn.Module):
    def __init__(self, num_blocks, in_channels=3, width=16, num_classes=10):
        super().__init__()
        self.in_planes = width
        self.conv1 = nn.Conv2d(in_channels, width, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = self._make_layer(width, num_blocks[0], stride=1)
        self.layer2 = self._make_layer(2 * width, num_blocks[1], stride=2)
        self.layer3 = self._make_layer(4 * width, num_blocks[2], stride=2)
        self.linear = nn.Linear(4 * width, num_classes)

    def _make_layer(self, planes, num_blocks, stride):
        layers = []
        for stride in [stride] + [1] * (num_blocks - 1):
            layers.append(BasicBlock(self.in_planes, planes, stride))
            self.in_planes = planes
        return nn.Sequential(*layers)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        out = F.adaptive_avg_pool2d(out, 1)
        out = torch.flatten(out, 1)
        return self.linear(out)


def synthetic(count, seed):
    """Random images of CIFAR-10's shape; the class is a pattern under noise."""
    generator = torch.Generator().manual_seed(1234)
    patterns = torch.randn(10, 3, 8, 8, generator=generator)
    generator.manual_seed(seed)
    targets = torch.randint(0, 10, (count,), generator=generator)
    images = F.interpolate(patterns[targets], scale_factor=4) + torch.randn(count, 3, 32, 32, generator=generator)
    return TensorDataset(images, targets)


def accuracy(output, target):
    return (output.argmax(1) == target).float().mean().item() * 100


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", choices=["fashion", "synthetic"], default="fashion")
    parser.add_argument("--epochs", default=10, type=int)
    parser.add_argument("-b", "--batch-size", default=128, type=int)
    parser.add_argument("--lr", default=0.1, type=float, help="the highest rate of the cycle")
    parser.add_argument("--schedule", choices=["onecycle", "step"], default="onecycle")
    parser.add_argument("--width", default=16, type=int)
    parser.add_argument("--accumulate", default=1, type=int, help="batches whose gradients are added up before a step")
    parser.add_argument("--amp", action="store_true", help="mixed precision")
    parser.add_argument("--limit", default=None, type=int)
    parser.add_argument("--seed", default=0, type=int)
    parser.add_argument("--resume", default=None)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    if args.data == "fashion":
        train_set, test_set = FashionMNIST(train=True, limit=args.limit), FashionMNIST(train=False, limit=args.limit)
        channels = 1
    else:
        train_set, test_set = synthetic(args.limit or 5000, 1), synthetic(1000, 2)
        channels = 3
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True, drop_last=True)
    test_loader = DataLoader(test_set, batch_size=256)

    model = ResNet([1, 1, 1], channels, args.width).to(device)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
    steps_per_epoch = len(train_loader) // args.accumulate
    if args.schedule == "onecycle":
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=args.lr, epochs=args.epochs, steps_per_epoch=steps_per_epoch)
    else:
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=max(1, args.epochs * steps_per_epoch // 3), gamma=0.1)
    amp_dtype = torch.float16 if device.type == "cuda" else torch.bfloat16
    scaler = torch.cuda.amp.GradScaler(enabled=args.amp and device.type == "cuda")

    start_epoch, best = 0, 0.0
    if args.resume and os.path.isfile(args.resume):
        checkpoint = torch.load(args.resume)
        start_epoch, best = checkpoint["epoch"], checkpoint["best"]
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        print("=> loaded checkpoint '{}' (epoch {})".format(args.resume, start_epoch))

    begin = time.time()
    for epoch in range(start_epoch, args.epochs):
        model.train()
        optimizer.zero_grad(set_to_none=True)
        for i, (images, target) in enumerate(train_loader):
            images, target = images.to(device, non_blocking=True), target.to(device, non_blocking=True)
            with torch.autocast(device_type=device.type, dtype=amp_dtype, enabled=args.amp):
                output = model(images)
                loss = criterion(output, target) / args.accumulate
            scaler.scale(loss).backward()
            if (i + 1) % args.accumulate == 0 and i < steps_per_epoch * args.accumulate:
                scaler.unscale_(optimizer)
                torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad(set_to_none=True)
                scheduler.step()
            if i % 10 == 0:
                print("Epoch: [{}][{}/{}]  Loss {:.4f}  Acc@1 {:6.2f}  lr {:.5f}".format(
                    epoch, i, len(train_loader), loss.item() * args.accumulate, accuracy(output, target), scheduler.get_last_lr()[0]))

        model.eval()
        correct = 0
        with torch.no_grad():
            for images, target in test_loader:
                output = model(images.to(device))
                correct += (output.argmax(1).cpu() == target).sum().item()
        acc1 = 100.0 * correct / len(test_set)
        print(" * Acc@1 {:.3f}".format(acc1))
        best = max(best, acc1)
        torch.save({"epoch": epoch + 1, "model": model.state_dict(), "best": best, "optimizer": optimizer.state_dict()}, "checkpoint.pth.tar")
    print("Training took {:.1f} s".format(time.time() - begin), file=sys.stderr)


if __name__ == "__main__":
    main()
