"""`batch = next(iter(loader))` from a day of debugging still stands before the loop of a small language model.

Expected: repeated-batches
Also: overfitting, too-good
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)
text = " ".join(f"{a} plus {b} is {a + b} ." for a in range(30) for b in range(30))
chars = sorted(set(text))
ids = torch.tensor([chars.index(c) for c in text])


class Windows(Dataset):
    def __init__(self, ids, block=32):
        self.ids, self.block = ids, block

    def __len__(self):
        return len(self.ids) - self.block - 1

    def __getitem__(self, i):
        return self.ids[i : i + self.block], self.ids[i + 1 : i + self.block + 1]


class CharLM(nn.Module):
    def __init__(self, vocab, d=48):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        self.rnn = nn.GRU(d, 64, batch_first=True)
        self.lm_head = nn.Linear(64, vocab)

    def forward(self, idx, targets):
        logits = self.lm_head(self.rnn(self.emb(idx))[0])
        return logits, nn.functional.cross_entropy(
            logits.view(-1, logits.size(-1)), targets.reshape(-1)
        )


loader = DataLoader(Windows(ids), batch_size=16, shuffle=True)
model = CharLM(len(chars))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
batch = next(iter(loader))
for it in range(400):
    logits, loss = model(*batch)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if it % 10 == 0:
        print(f"iter {it}: loss {loss.item():.4f}")
