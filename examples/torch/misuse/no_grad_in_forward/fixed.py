"""Words of a made-up language, in two classes: an embedding, averaged, and two layers."""
import torch
from torch import nn

torch.manual_seed(0)
words, length = 60, 12
value = torch.randn(words)
texts = torch.randint(0, words, (1500, length))
labels = (value[texts].sum(1) > 0).long()


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(words, 2)
        self.hidden = nn.Linear(2, 16)
        self.out = nn.Linear(16, 2)

    def forward(self, text):
        bag = self.embedding(text).mean(1)
        return self.out(torch.relu(self.hidden(bag)))


model = Bag()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
criterion = nn.CrossEntropyLoss()
for epoch in range(25):
    for batch in torch.randperm(len(texts)).split(50):
        optimizer.zero_grad()
        loss = criterion(model(texts[batch]), labels[batch])
        loss.backward()
        optimizer.step()
    if epoch % 5 == 4:
        print("epoch %d: loss %.3f" % (epoch + 1, loss.item()))
