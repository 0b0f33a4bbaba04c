"""Many small trainings that use torch in the ways people do; run as a program, it prints a digest of what each one made. Not a test itself.

support_zoo.py [NAME ...]
"""

import copy
import hashlib
import io
import pickle
import sys
import warnings

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

ZOO = {}


def animal(function):
    ZOO[function.__name__] = function
    return function


def digest(*models):
    total = hashlib.sha1()
    for model in models:
        for tensor in model.state_dict().values():
            total.update(tensor.detach().contiguous().numpy().tobytes())
    return total.hexdigest()


@animal
def in_place():
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(128, 4),
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    for _ in range(4):
        optimizer.zero_grad()
        F.cross_entropy(net(torch.randn(16, 3, 8, 8)), torch.randint(0, 4, (16,))).backward()
        optimizer.step()
    return digest(net)


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.lstm, self.decoder = nn.Embedding(20, 8), nn.LSTM(8, 16, 2, dropout=0.1), nn.Linear(16, 20)

    def forward(self, words, state=None):
        output, state = self.lstm(self.embedding(words), state)
        return self.decoder(output), state


@animal
def recurrent():
    net, state = Words(), None
    optimizer = torch.optim.Adam(net.parameters())
    for _ in range(4):
        words = torch.randint(0, 20, (7, 5))
        output, state = net(words, state)
        state = tuple(part.detach() for part in state)
        optimizer.zero_grad()
        F.cross_entropy(output.view(-1, 20), words.view(-1)).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()
    return digest(net)


@animal
def adversarial():
    maker = nn.Sequential(nn.Linear(4, 8), nn.Tanh())
    judge = nn.Sequential(nn.Linear(8, 8), nn.LeakyReLU(0.2, inplace=True), nn.Linear(8, 1))
    of_maker, of_judge, loss = torch.optim.Adam(maker.parameters()), torch.optim.Adam(judge.parameters()), nn.BCEWithLogitsLoss()
    for _ in range(4):
        judge.zero_grad()
        loss(judge(torch.randn(6, 8)), torch.ones(6, 1)).backward()
        made = maker(torch.randn(6, 4))
        loss(judge(made.detach()), torch.zeros(6, 1)).backward()
        of_judge.step()
        maker.zero_grad()
        loss(judge(made), torch.ones(6, 1)).backward()
        of_maker.step()
    return digest(maker, judge)


@animal
def closure():
    net = nn.Linear(5, 1)
    optimizer = torch.optim.LBFGS(net.parameters(), lr=0.5, max_iter=5)
    inputs = torch.randn(30, 5)

    def evaluate():
        optimizer.zero_grad()
        loss = F.mse_loss(net(inputs), inputs.sum(1, keepdim=True))
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(evaluate)
    return digest(net)


@animal
def accumulated():
    net = nn.Linear(5, 3)
    optimizer = torch.optim.RMSprop(net.parameters())
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
    for _ in range(3):
        optimizer.zero_grad()
        for _ in range(2):
            (F.cross_entropy(net(torch.randn(4, 5)), torch.randint(0, 3, (4,))) / 2).backward()
        optimizer.step()
        scheduler.step()
    return digest(net)


@animal
def recomputed():
    warnings.simplefilter("ignore")
    first, second = nn.Sequential(nn.Linear(5, 5), nn.ReLU()), nn.Linear(5, 1)
    optimizer = torch.optim.SGD([*first.parameters(), *second.parameters()], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        second(checkpoint(first, torch.randn(4, 5, requires_grad=True))).pow(2).mean().backward()
        optimizer.step()
    return digest(first, second)


@animal
def transformer():
    net = nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True), nn.Linear(8, 3))
    optimizer = torch.optim.AdamW(net.parameters())
    for _ in range(3):
        optimizer.zero_grad()
        net(torch.randn(2, 5, 8)).pow(2).mean().backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        return digest(net) + str(net(torch.randn(2, 5, 8)).sum().item())


class Outer(torch.optim.Optimizer):
    """An optimizer that lets another one step."""

    def __init__(self, parameters):
        super().__init__(parameters, {"lr": 0.1})
        self.inner = torch.optim.SGD(self.param_groups, lr=0.1)

    def step(self, closure=None):
        self.inner.step()


class Inherited(torch.optim.SGD):
    def step(self, closure=None):
        return super().step(closure)


@animal
def own_optimizers():
    net = nn.Linear(3, 1)
    for optimizer in (Outer(net.parameters()), Inherited(net.parameters(), lr=0.1)):
        for _ in range(2):
            net(torch.randn(2, 3)).sum().backward()
            optimizer.step()
    return digest(net)


@animal
def own_hooks():
    net, seen = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)), []
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net[0].register_forward_hook(lambda module, given, made: made.register_hook(lambda gradient: gradient * 2) and None)
    net[1].register_full_backward_hook(lambda module, before, after: seen.append(float(after[0].sum())))
    for _ in range(3):
        first = net[0](torch.randn(2, 3))
        first.retain_grad()
        second = net[1](first)
        handle = second.register_hook(lambda gradient: gradient.clamp(-0.1, 0.1))
        net[2](second).sum().backward()
        handle.remove()
        seen.append(float(first.grad.sum()))
        optimizer.step()
        optimizer.zero_grad()
    return digest(net) + str(seen)


@animal
def copies():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    optimizer = torch.optim.Adam(net.parameters())
    torch.save(net(torch.randn(2, 3)), io.BytesIO())
    net(torch.randn(2, 3)).sum().backward()
    optimizer.step()
    twin, its_optimizer = copy.deepcopy((net, optimizer))
    third, restored = pickle.loads(pickle.dumps(net)), pickle.loads(pickle.dumps(optimizer))
    torch.save({"net": net, "optimizer": optimizer}, io.BytesIO())
    twin(torch.randn(2, 3)).sum().backward()
    its_optimizer.step()
    return digest(net, twin, third) + str(sorted(restored.state_dict())) + str(sorted(vars(optimizer))) + str(sorted(net.__dict__))


class Scripted(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, inputs):
        return F.relu(self.layer(inputs))


@animal
def compiled_by_jit():
    warnings.simplefilter("ignore")
    scripted, traced = torch.jit.script(Scripted()), torch.jit.trace(Scripted(), torch.randn(2, 3))
    optimizer = torch.optim.SGD([*scripted.parameters(), *traced.parameters()], lr=0.1)
    for _ in range(2):
        (scripted(torch.randn(2, 3)).sum() + traced(torch.randn(2, 3)).sum()).backward()
        optimizer.step()
    return digest(scripted, traced) + str(traced.code)


@animal
def sparse():
    net = nn.Embedding(30, 4, sparse=True)
    optimizer = torch.optim.SparseAdam(list(net.parameters()))
    for _ in range(2):
        net(torch.tensor([1, 2, 2])).pow(2).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return digest(net)


@animal
def types():
    made = []
    for dtype in (torch.float64, torch.bfloat16):
        net = nn.Linear(3, 2).to(dtype)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(2):
            net(torch.randn(4, 3).to(dtype)).sum().backward()
            optimizer.step()
        made += [parameter.tolist() for parameter in net.parameters()]
    return str(made)


@animal
def channels_last():
    net = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(2):
        net(torch.randn(2, 3, 6, 6).to(memory_format=torch.channels_last)).sum().backward()
        optimizer.step()
    return digest(net)


class Samples(torch.utils.data.Dataset):
    """Its workers call a module, and with gradients."""

    def __len__(self):
        return 24

    def __getitem__(self, index):
        return nn.Linear(3, 3)(torch.randn(3)).detach(), index % 2


@animal
def workers():
    net = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for inputs, labels in torch.utils.data.DataLoader(Samples(), batch_size=8, shuffle=True, num_workers=2):
        F.cross_entropy(net(inputs), labels).backward()
        optimizer.step()
        optimizer.zero_grad()
    return digest(net)


@animal
def failing_forward():
    net = nn.Sequential(nn.Linear(3, 4))
    try:
        net(torch.randn(2, 5))
    except RuntimeError:
        pass
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net(torch.randn(2, 3)).sum().backward()
    optimizer.step()
    return digest(net)


@animal
def twice_differentiated():
    net = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        inputs = torch.randn(4, 3, requires_grad=True)
        (gradient,) = torch.autograd.grad(torch.tanh(net(inputs)).sum(), inputs, create_graph=True)
        ((gradient.norm() - 1).pow(2) + net(inputs).mean()).backward()
        optimizer.step()
    return digest(net)


@animal
def scaled():
    """Mixed precision with a scale that overflows twice. A torch that scales on no CPU runs without."""
    warnings.simplefilter("ignore")
    scaler = (
        torch.amp.GradScaler("cpu", init_scale=2.0**127) if hasattr(torch.amp, "GradScaler") else torch.cuda.amp.GradScaler(enabled=False)
    )
    net, printed = nn.Linear(3, 1), []
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for _ in range(6):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = net(torch.randn(4, 3)).float().pow(2).mean()
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        printed.append(loss.item())
    return digest(net) + str(printed)


if __name__ == "__main__":
    warnings.simplefilter("error")
    for chosen in sys.argv[1:] or ZOO:
        torch.manual_seed(5)
        print(chosen, ZOO[chosen](), torch.rand(1).item())
