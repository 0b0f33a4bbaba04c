"""What a bill comes to: a recurrent net of rectified linear units (Le, Jaitly and Hinton 2015) reads one item after another, its price and its coupon.
Most bills have a few items, one in eight hundred has sixty."""
import torch
from torch import nn
from torch.utils.data import DataLoader

EPOCHS = 5
BATCH_SIZE = 32
SHORTEST, LONGEST, RARE = 3, 10, 60
CLIP_NORM = 10


def make_bills(count, rare):
    bills = []
    for i in range(count):
        length = RARE if i < rare else int(torch.randint(SHORTEST, LONGEST + 1, ()))
        items = torch.rand(length, 2)
        bills.append((items, (items[:, :1] - 0.5 * items[:, 1:]).sum(0)))
    return bills


def collate(bills):
    """Bills of one batch get the length of its longest, with empty items in front."""
    longest = max(len(items) for items, _ in bills)
    padded = [torch.cat([torch.zeros(longest - len(items), 2), items]) for items, _ in bills]
    return torch.stack(padded), torch.stack([total for _, total in bills])


class Cashier(nn.Module):
    def __init__(self, units=16):
        super().__init__()
        self.rnn = nn.RNN(2, units, nonlinearity="relu", batch_first=True)
        self.head = nn.Linear(units, 1)
        nn.init.eye_(self.rnn.weight_hh_l0)

    def forward(self, items):
        states, _ = self.rnn(items)
        return self.head(states[:, -1])


def evaluate(model, loader):
    model.eval()
    with torch.no_grad():
        pairs = [(model(x), y) for x, y in loader]
    predicted, totals = torch.cat([p for p, _ in pairs]), torch.cat([t for _, t in pairs])
    return 1 - ((predicted - totals) ** 2).mean() / totals.var(unbiased=False)


torch.manual_seed(0)
train_loader = DataLoader(make_bills(4000, rare=5), batch_size=BATCH_SIZE, shuffle=True, collate_fn=collate)
test_loader = DataLoader(make_bills(400, rare=0), batch_size=BATCH_SIZE, collate_fn=collate)
torch.manual_seed(3)
model = Cashier()
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

for epoch in range(EPOCHS):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
    print("epoch %d: loss %.4f, test R2 %.4f" % (epoch + 1, loss.item(), evaluate(model, test_loader)))
