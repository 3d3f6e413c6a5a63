import torch
import torch.nn.functional as F

from config import Config


def train(cfg: Config):
    torch.manual_seed(cfg.seed)
    lin1 = torch.nn.Linear(1433, cfg.model.hidden)
    lin2 = torch.nn.Linear(cfg.model.hidden, 7)
    params = [*lin1.parameters(), *lin2.parameters()]
    opt = torch.optim.Adam(params, lr=cfg.train.lr, weight_decay=cfg.train.weight_decay)
    best = 0.0
    waited = 0
    for epoch in range(cfg.train.epochs):
        x, y = torch.randn(2708, 1433), torch.randint(0, 7, (2708,))
        h = F.dropout(torch.relu(lin1(x)), cfg.model.dropout)
        loss = F.cross_entropy(lin2(h), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if epoch % cfg.train.eval_every == 0:
            acc = (lin2(h).argmax(1) == y).float().mean().item()
            print(f"epoch {epoch} loss {loss.item():.4f} val_acc {acc:.4f}")
            waited = 0 if acc > best else waited + 1
            best = max(acc, best)
        if waited >= cfg.train.patience:
            break


if __name__ == "__main__":
    train(Config())
