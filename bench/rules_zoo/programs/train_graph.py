"""Classify the nodes of a graph by a graph convolution. python train_graph.py"""
import argparse

import torch
import torch.nn.functional as F
from torch import nn


class GraphNet(nn.Module):
    def __init__(self, inputs, hidden, classes):
        super().__init__()
        self.first, self.second = nn.Linear(inputs, hidden), nn.Linear(hidden, classes)

    def forward(self, x, adjacency):
        x = F.relu(adjacency @ self.first(x))
        x = F.dropout(x, 0.5, self.training)
        return adjacency @ self.second(x)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=600)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--lr", type=float, default=0.01)
    args = parser.parse_args()

    torch.manual_seed(0)
    y = torch.randint(0, 4, (args.nodes,))
    alike = y[:, None] == y[None]
    edges = torch.rand(args.nodes, args.nodes) < torch.where(alike, 0.04, 0.004)
    edges = (edges | edges.T).float() + torch.eye(args.nodes)
    degree = edges.sum(1).rsqrt()
    adjacency = degree[:, None] * edges * degree[None]
    x = F.one_hot(y, 4).float() @ torch.randn(4, 16) + 2.5 * torch.randn(args.nodes, 16)
    train = torch.rand(args.nodes) < 0.3
    model = GraphNet(16, 24, 4)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, weight_decay=5e-4)
    for step in range(args.steps):
        model.train()
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x, adjacency)[train], y[train])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        print(f"accuracy {(model(x, adjacency).argmax(1) == y)[~train].float().mean():.4f}")


if __name__ == "__main__":
    main()
