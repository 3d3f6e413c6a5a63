"""A transformer over characters of a made-up language, Adam with the rate of SGD.

Expected: diverged or not-learning or non-finite
Also: learning-rate-jump, exploding-gradient, dead-units, loss-floor, initial-loss, vanishing-gradient
"""

import torch
from torch import nn

torch.manual_seed(0)
table = torch.randn(32, 32).mul(3).softmax(-1)
text = [0]
for _ in range(20_000):
    text.append(int(torch.multinomial(table[text[-1]], 1)))
text = torch.tensor(text)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.place = nn.Embedding(32, 48), nn.Parameter(torch.zeros(32, 48))
        layer = nn.TransformerEncoderLayer(
            48, 4, 96, dropout=0.0, batch_first=True, norm_first=True
        )
        self.body, self.head = (
            nn.TransformerEncoder(layer, 2, enable_nested_tensor=False),
            nn.Linear(48, 32),
        )

    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        return self.head(
            self.body(self.embed(x) + self.place[: x.shape[1]], mask=mask, is_causal=True)
        )


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=0.5)
for step in range(300):
    starts = torch.randint(len(text) - 33, (16,))
    x = torch.stack([text[s : s + 32] for s in starts])
    y = torch.stack([text[s + 1 : s + 33] for s in starts])
    loss = nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"iter {step}: loss {loss.item():.4f}, time 12.00ms, mfu -100.00%")
