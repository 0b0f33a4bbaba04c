#!/usr/bin/env python3
"""Writes tests/subject/data/networks: whole networks as PyTorch has them, for tests of weights that are loaded and written, and of training from them.

Of each network NAME: NAME.safetensors, the state_dict that it starts with; NAME.npz, its samples; NAME_expected.json, its outputs for the first samples in evaluation, the losses of five steps on
batches of eight in the order of the file, and the outputs after them. The hypes NAME.json, the same network in tenet's words, are written by hand.

Run by a Python that has PyTorch (Debian's: /usr/bin/python3 with python3-torch). The files are committed; run this again only to change a network. Values are computed in float32, as users do.

Usage: make_golden_networks.py [FOLDER [NAME ...]]
"""
import json
import pathlib
import struct
import sys

import numpy
import torch
from torch import nn

SAMPLES, BATCH, STEPS, SHOWN = 40, 8, 5, 4
TOKENS, TIME, WIDTH = 11, 6, 16


class Block(nn.Module):
    """Two convolutions around which the input goes, mapped where the shape changes."""

    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, filters, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.downsample = None if stride == 1 else nn.Sequential(nn.Conv2d(inputs, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (self.downsample(x) if self.downsample else x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(6)
        self.layer1 = nn.Sequential(Block(6, 6, 1))
        self.layer2 = nn.Sequential(Block(6, 10, 2))
        self.fc = nn.Linear(10, 4)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer2(self.layer1(x)).mean(dim=(2, 3)))


def lenet():
    """A Sequential, whose modules have numbers for names, with an image that is flattened channels first."""
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.Flatten(), nn.BatchNorm1d(20), nn.Linear(20, 12), nn.Tanh(),
                         nn.Linear(12, 4))


class LstmModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(TOKENS, 8)
        self.lstm = nn.LSTM(8, 12, num_layers=2, batch_first=True)
        self.head = nn.Linear(12, TOKENS)

    def forward(self, x):
        return self.head(self.lstm(self.embed(x))[0])


class GruModel(nn.Module):
    """Bidirectional, and a plain recurrent layer behind it."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(4, 7, num_layers=2, bidirectional=True, batch_first=True)
        self.rnn = nn.RNN(14, 6, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.rnn(self.gru(x.reshape(len(x), 5, 4))[0])[0][:, -1])


class Layer(nn.Module):
    """A transformer's, normalised first."""

    def __init__(self):
        super().__init__()
        self.ln_1 = nn.LayerNorm(WIDTH)
        self.attn = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.ln_2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x):
        n = self.ln_1(x)
        future = torch.ones(TIME, TIME).triu(1).bool()
        x = x + self.attn(n, n, n, attn_mask=future, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(TOKENS, WIDTH)
        self.wpe = nn.Embedding(TIME, WIDTH)
        self.h = nn.ModuleList([Layer(), Layer()])
        self.ln_f = nn.LayerNorm(WIDTH)
        self.lm_head = nn.Linear(WIDTH, TOKENS, bias=False)

    def forward(self, x):
        x = self.wte(x) + self.wpe(torch.arange(TIME))
        for layer in self.h:
            x = layer(x)
        return self.lm_head(self.ln_f(x))


class RmsNorm(nn.Module):
    """Zhang and Sennrich 2019; PyTorch has it from 2.4 on."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(width) + 0.5)

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * self.weight


class Decoder(nn.Module):
    """Convolutions in groups and of each channel alone, two ways to make images larger, and two pools side by side."""

    def __init__(self):
        super().__init__()
        self.grouped = nn.Conv2d(4, 8, 3, padding=1, groups=2)
        self.depthwise = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8)
        self.larger = nn.ConvTranspose2d(8, 5, 3, stride=2)
        self.norm = RmsNorm(10)
        self.head = nn.Linear(10, 4)

    def forward(self, x):
        x = torch.relu(self.depthwise(torch.relu(self.grouped(x))))
        x = nn.functional.interpolate(torch.tanh(self.larger(x)), scale_factor=2, mode="bilinear", align_corners=False)
        return self.head(self.norm(torch.cat([x.amax(dim=(2, 3)), x.mean(dim=(2, 3))], dim=1)))


def places(time, width):
    """Sines at even features, cosines at odd ones (Vaswani et al. 2017)."""
    even = torch.arange(width) // 2 * 2
    angle = torch.arange(time)[:, None] * 10000.0 ** (-even / width)
    return torch.where(torch.arange(width) % 2 == 0, angle.sin(), angle.cos())


class Functions(nn.Module):
    """What no other network here has: functions and arithmetic of elements, and what moves values about."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.mixed = nn.Linear(36, 8)
        self.gate = nn.Linear(8, 8)
        self.divisor = nn.Linear(8, 8)
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        F = nn.functional
        x = F.elu(F.interpolate(F.avg_pool2d(F.leaky_relu(self.conv(x)), 2), scale_factor=2))
        x = F.selu(self.mixed(x.permute(0, 2, 3, 1).reshape(len(x), 36, 6).transpose(1, 2)))
        gated = x * torch.sigmoid(self.gate(x))
        divisor = F.softplus(self.divisor(gated))
        difference = gated / (divisor + 0.5) - 1 / (divisor.square().sqrt() + 0.5)
        total = F.gelu(torch.clamp(0.2 * difference + 0.5, 0, 1) + torch.exp(torch.tanh(difference)) + torch.log(divisor))
        shares = torch.softmax(total, -1) + places(6, 8)
        return self.head(torch.cat([shares[:, -1], total.amax(dim=1)], dim=1))


def classes(outputs, labels):
    return nn.functional.cross_entropy(outputs.flatten(0, -2), labels.flatten())


def images(height, width, channels):
    """As a file has them, channels last."""
    return torch.randn(SAMPLES, height, width, channels), torch.randint(0, 4, (SAMPLES,))


def tokens():
    return torch.randint(0, TOKENS, (SAMPLES, TIME)), torch.randint(0, TOKENS, (SAMPLES, TIME))


def sgd(net):
    return torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)


# name -> the network, its samples, its loss, its optimizer
NETWORKS = {
    "resnet": (ResNet, lambda: images(8, 8, 3), classes, sgd),
    "lenet": (lenet, lambda: images(8, 8, 1), classes, sgd),
    "decoder": (Decoder, lambda: images(6, 7, 4), classes, lambda net: torch.optim.Adam(net.parameters(), lr=0.01)),
    "functions": (Functions, lambda: images(6, 6, 3), classes, sgd),
    "lstm": (LstmModel, tokens, classes, lambda net: torch.optim.Adam(net.parameters(), lr=0.01)),
    "gru": (GruModel, lambda: (torch.randn(SAMPLES, 20), torch.randn(SAMPLES, 3)), nn.functional.mse_loss, sgd),
    "gpt": (Gpt, tokens, classes, lambda net: torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.1)),
}


def as_torch(inputs):
    """Images channels first."""
    return inputs.permute(0, 3, 1, 2).contiguous() if inputs.dim() == 4 else inputs


def trained_norms(net):
    """Statistics, gains and shifts as after a training, so that none of them can be left out unseen."""
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm)):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)


def write_safetensors(path, state):
    """As the package of that name does: whole numbers first, tensors in the order of their names."""
    kinds = {torch.float32: "F32", torch.int64: "I64"}
    order = sorted(state, key=lambda name: (-state[name].element_size(), name))
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name in order:
        values = state[name].detach().numpy().tobytes()
        header[name] = {"dtype": kinds[state[name].dtype], "shape": list(state[name].shape), "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def rows(outputs):
    return [[float(f"{v:.9g}") for v in sample.flatten().tolist()] for sample in outputs[:SHOWN]]


def evaluate(net, inputs):
    net.eval()
    with torch.no_grad():
        outputs = net(inputs)
    net.train()
    return rows(outputs)


def train(net, inputs, labels, loss_of, optimizer):
    losses = []
    for step in range(STEPS):
        batch = slice(step * BATCH, (step + 1) * BATCH)
        optimizer.zero_grad()
        loss = loss_of(net(inputs[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        losses.append(float(f"{loss.item():.9g}"))
    return losses


def make(folder, name):
    create, draw, loss_of, optimizer_of = NETWORKS[name]
    torch.manual_seed(1)
    net = create()
    trained_norms(net)
    inputs, labels = draw()
    numpy.savez(folder / f"{name}.npz", x=inputs.numpy(), y=labels.numpy())
    write_safetensors(folder / f"{name}.safetensors", net.state_dict())
    inputs = as_torch(inputs)
    expected = {"torch": torch.__version__, "outputs": evaluate(net, inputs)}
    expected["losses"] = train(net, inputs, labels, loss_of, optimizer_of(net))
    expected["outputs_after"] = evaluate(net, inputs)
    (folder / f"{name}_expected.json").write_text(json.dumps(expected) + "\n", encoding="ascii")


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "tests" / "subject" / "data" / "networks"
    for name in sys.argv[2:] or NETWORKS:
        make(folder, name)


if __name__ == "__main__":
    main()
