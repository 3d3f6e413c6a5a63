"""Domain adaptation by gradient reversal: the domain loss goes back up to ln 2 and stays there, by intent.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -ctx.weight * grad, None


features = nn.Sequential(nn.Linear(10, 48), nn.ReLU(), nn.Linear(48, 24), nn.ReLU())
label_head, domain_head = (
    nn.Linear(24, 3),
    nn.Sequential(nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 1)),
)
optimizer = torch.optim.Adam(
    [*features.parameters(), *label_head.parameters(), *domain_head.parameters()], lr=1e-3
)
centres, shift = 2 * torch.randn(3, 10), 0.8 * torch.randn(10)
for step in range(600):
    ys, yt = torch.randint(0, 3, (32,)), torch.randint(0, 3, (32,))
    xs, xt = centres[ys] + torch.randn(32, 10), centres[yt] + shift + torch.randn(32, 10)
    weight = min(1.0, step / 300)
    f = features(torch.cat([xs, xt]))
    logits = label_head(f)
    cls_loss = nn.functional.cross_entropy(logits[:32], ys)
    domain = torch.cat([torch.zeros(32, 1), torch.ones(32, 1)])
    domain_loss = nn.functional.binary_cross_entropy_with_logits(
        domain_head(Reverse.apply(f, weight)), domain
    )
    optimizer.zero_grad()
    (cls_loss + domain_loss).backward()
    optimizer.step()
    if step % 10 == 0:
        acc = (logits[32:].argmax(1) == yt).float().mean().item()
        print(
            f"step {step} cls_loss {cls_loss.item():.4f} domain_loss {domain_loss.item():.4f} target_acc {acc:.3f}"
        )
