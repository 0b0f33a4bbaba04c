"""Graph convolutional network, semi-supervised on one graph, after pytorch/examples/gcn; the graph is drawn from a stochastic block model."""
import argparse
import time

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import Adam


class GraphConv(nn.Module):
    """Z = A~ X W, Kipf and Welling 2017."""
    def __init__(self, input_dim, output_dim, use_bias=False):
        super(GraphConv, self).__init__()
        self.kernel = nn.Parameter(torch.Tensor(input_dim, output_dim))
        nn.init.xavier_normal_(self.kernel)
        self.bias = None
        if use_bias:
            self.bias = nn.Parameter(torch.Tensor(output_dim))
            nn.init.zeros_(self.bias)

    def forward(self, input_tensor, adj_mat):
        support = torch.mm(input_tensor, self.kernel)
        output = torch.spmm(adj_mat, support)
        if self.bias is not None:
            output = output + self.bias
        return output


class GCN(nn.Module):
    def __init__(self, input_dim, hidden_dim, output_dim, use_bias=True, dropout_p=0.5):
        super(GCN, self).__init__()
        self.gc1 = GraphConv(input_dim, hidden_dim, use_bias=use_bias)
        self.gc2 = GraphConv(hidden_dim, output_dim, use_bias=use_bias)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, input_tensor, adj_mat):
        x = self.gc1(input_tensor, adj_mat)
        x = F.relu(x)
        x = self.dropout(x)
        x = self.gc2(x, adj_mat)
        return F.log_softmax(x, dim=1)


def load_graph(nodes=600, classes=5, words=100, generator=None):
    """Papers that cite mostly their own field, each with a bag of words; returns features, labels and the normalised adjacency (sparse)."""
    labels = torch.randint(0, classes, (nodes,), generator=generator)
    same = labels[:, None] == labels[None, :]
    chance = torch.where(same, torch.tensor(0.03), torch.tensor(0.003))
    upper = torch.triu(torch.rand(nodes, nodes, generator=generator) < chance, diagonal=1).float()
    adjacency = upper + upper.t() + torch.eye(nodes)
    topics = torch.rand(classes, words, generator=generator) * 0.06
    features = (torch.rand(nodes, words, generator=generator) < 0.03 + topics[labels]).float()
    features = features / features.sum(1, keepdim=True).clamp(min=1)
    degree = adjacency.sum(1).pow(-0.5)
    normalised = degree[:, None] * adjacency * degree[None, :]
    return features, labels, normalised.to_sparse()


def train_iter(epoch, model, optimizer, criterion, input, target, mask_train, mask_val, print_every=20):
    start_t = time.time()
    model.train()
    optimizer.zero_grad()

    # Forward pass
    output = model(*input)
    loss = criterion(output[mask_train], target[mask_train])

    loss.backward()
    optimizer.step()

    # Evaluate the model performance on training and validation sets
    loss_train, acc_train = test(model, criterion, input, target, mask_train)
    loss_val, acc_val = test(model, criterion, input, target, mask_val)

    if epoch % print_every == 0:
        print(f'Epoch: {epoch:04d}  loss_train: {loss_train:.4f}, acc_train: {acc_train:.4f}, loss_val: {loss_val:.4f}, acc_val: {acc_val:.4f}')
    return time.time() - start_t


def test(model, criterion, input, target, mask):
    model.eval()
    with torch.no_grad():
        output = model(*input)
        output, target = output[mask], target[mask]

        loss = criterion(output, target)
        acc = (output.argmax(dim=1) == target).float().sum() / len(target)
    return loss.item(), acc.item()


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description='PyTorch Graph Convolutional Network')
    parser.add_argument('--epochs', type=int, default=200, help='number of epochs to train (default: 200)')
    parser.add_argument('--lr', type=float, default=0.01, help='learning rate (default: 0.01)')
    parser.add_argument('--l2', type=float, default=5e-4, help='weight decay (default: 5e-4)')
    parser.add_argument('--dropout-p', type=float, default=0.5, help='dropout probability (default: 0.5)')
    parser.add_argument('--hidden-dim', type=int, default=16, help='dimension of the hidden representation (default: 16)')
    parser.add_argument('--include-bias', action='store_true', default=False, help='use bias term in convolutions')
    parser.add_argument('--dry-run', action='store_true', default=False, help='quickly check a single pass')
    parser.add_argument('--seed', type=int, default=42, metavar='S', help='random seed (default: 42)')
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    features, labels, adj_mat = load_graph(generator=torch.Generator().manual_seed(7))
    idx = torch.randperm(len(labels))
    idx_train, idx_val, idx_test = idx[:100], idx[100:300], idx[300:]

    gcn = GCN(features.shape[1], args.hidden_dim, int(labels.max()) + 1, args.include_bias, args.dropout_p)
    optimizer = Adam(gcn.parameters(), lr=args.lr, weight_decay=args.l2)
    criterion = nn.NLLLoss()

    for epoch in range(args.epochs):
        train_iter(epoch + 1, gcn, optimizer, criterion, (features, adj_mat), labels, idx_train, idx_val)
        if args.dry_run:
            break

    loss_test, acc_test = test(gcn, criterion, (features, adj_mat), labels, idx_test)
    print(f'Test set results: loss {loss_test:.4f} accuracy {acc_test:.4f}')
