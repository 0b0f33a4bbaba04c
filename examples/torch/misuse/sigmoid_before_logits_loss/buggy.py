"""Does a sequence of tokens hold more of the first half of the alphabet than of the second? Embedding and LSTM."""
import torch
from torch import nn

torch.manual_seed(2)
count, length = 1024, 15
tokens = torch.randint(0, 20, (count, length))
target = ((tokens < 10).float().mean(1) > 0.5).float()


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 16)
        self.lstm = nn.LSTM(16, 32, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        _, (state, _) = self.lstm(self.embedding(x))
        return torch.sigmoid(self.out(state[-1])).squeeze(1)


model = Classifier()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.5)
for epoch in range(12):
    for batch in torch.randperm(count).split(64):
        loss = criterion(model(tokens[batch]), target[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch %d: loss %.3f" % (epoch + 1, loss.item()))
