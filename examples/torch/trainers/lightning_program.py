"""A small classifier as a Lightning program. Knows nothing of tenet."""
import sys

import lightning as L
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Classifier(L.LightningModule):
    def __init__(self, learning_rate=0.1):
        super().__init__()
        self.learning_rate = learning_rate
        self.net = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 3))

    def training_step(self, batch, batch_index):
        x, y = batch
        loss = F.cross_entropy(self.net(x), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_index):
        x, y = batch
        self.log("valid_loss", F.cross_entropy(self.net(x), y))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.learning_rate)


def main():
    L.seed_everything(1, verbose=False)
    x = torch.randn(1200, 20)
    y = (x[:, 0] > 0.3).long() + (x[:, 1] > 0).long()
    train = DataLoader(TensorDataset(x[:1000], y[:1000]), batch_size=32, shuffle=True)
    valid = DataLoader(TensorDataset(x[1000:], y[1000:]), batch_size=100)
    model = Classifier(float(sys.argv[1]) if len(sys.argv) > 1 else 0.1)
    trainer = L.Trainer(max_epochs=5, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
    trainer.fit(model, train, valid)
    print("valid loss %.6f" % trainer.callback_metrics["valid_loss"].item())


if __name__ == "__main__":
    main()
