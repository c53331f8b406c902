"""The loss of an LSTM language model over its first 100 steps: what PyTorch gets in float32 and in float64.

The text is the beginning of John Milton's Paradise Lost (1667), `paradise.txt`. Windows of 32 characters and their
successors, in the order of `randperm` after the model is made; Adam; batches of 16.
"""

import pathlib

import torch
from torch import nn

TEXT = pathlib.Path(__file__).with_name("paradise.txt").read_text(encoding="utf-8")
STEPS, BATCH, CONTEXT = 100, 16, 32


class Model(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.encoder = nn.Embedding(vocabulary, 24)
        self.rnn = nn.LSTM(24, 48, 2, batch_first=True)
        self.decoder = nn.Linear(48, vocabulary)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, x):
        return self.decoder(self.rnn(self.encoder(x))[0])


def curve(dtype):
    characters = sorted(set(TEXT))
    tokens = torch.tensor([characters.index(c) for c in TEXT])
    torch.manual_seed(0)
    model = Model(len(characters))
    windows = (len(tokens) - 1) // CONTEXT
    order = torch.cat([torch.randperm(windows) for _ in range(STEPS * BATCH // windows + 1)])
    model.to(dtype)
    adam = torch.optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for step in range(STEPS):
        starts = order[step * BATCH:(step + 1) * BATCH] * CONTEXT
        x = torch.stack([tokens[s:s + CONTEXT] for s in starts])
        y = torch.stack([tokens[s + 1:s + CONTEXT + 1] for s in starts])
        adam.zero_grad()
        loss = nn.functional.cross_entropy(model(x).reshape(-1, len(characters)), y.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        losses.append(loss.item())
    return losses


def cases():
    yield {"float32": curve(torch.float32), "float64": curve(torch.float64)}
