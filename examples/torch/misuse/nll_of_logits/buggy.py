"""Of which of three kinds are most words of a text? An average of embeddings and a small network, with a negative log-likelihood loss."""
import torch
from torch import nn

torch.manual_seed(0)
words, length = 40, 10
kind = torch.randint(0, 3, (words,))
texts = torch.randint(0, words, (1500, length))
labels = torch.stack([(kind[texts] == which).sum(1) for which in range(3)], 1).argmax(1)


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(words, 8)
        self.hidden = nn.Linear(8, 32)
        self.out = nn.Linear(32, 3)

    def forward(self, text):
        return self.out(torch.relu(self.hidden(self.embedding(text).mean(1))))


model = Bag()
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
criterion = nn.NLLLoss()
for epoch in range(30):
    for batch in torch.randperm(len(texts)).split(50):
        optimizer.zero_grad()
        output = model(texts[batch])
        loss = criterion(output, labels[batch])
        loss.backward()
        optimizer.step()
    if epoch % 5 == 4:
        print("epoch %d: loss %.3f" % (epoch + 1, loss.item()))
