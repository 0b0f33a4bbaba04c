"""A small regression whose model went through torch.compile. Knows nothing of tenet."""
import torch
from torch import nn


def main():
    torch.manual_seed(1)
    x = torch.randn(512, 10)
    y = x[:, :1] * x[:, 1:2]
    model = nn.Sequential(nn.Linear(10, 64), nn.Tanh(), nn.Linear(64, 1))
    compiled = torch.compile(model, backend="aot_eager")  # inductor needs a compiler at run time; the capture is the same
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(300):
        rows = torch.randint(0, 512, (64,))
        loss = nn.functional.mse_loss(compiled(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print("step", step, "loss %.6f" % loss.item())
    print("loss %.6f" % loss.item())


if __name__ == "__main__":
    main()
