import hydra
import numpy as np
import pandas as pd
import torch
from omegaconf import DictConfig
from torch import nn


class Mixer(nn.Module):
    def __init__(self, n_series, lookback, horizon, n_blocks, d_ff, dropout, revin, **_):
        super().__init__()
        self.revin = revin
        self.time = nn.ModuleList([nn.Sequential(nn.Linear(lookback, lookback), nn.ReLU(), nn.Dropout(dropout)) for _ in range(n_blocks)])
        self.feat = nn.ModuleList([nn.Sequential(nn.Linear(n_series, d_ff), nn.ReLU(), nn.Linear(d_ff, n_series)) for _ in range(n_blocks)])
        self.out = nn.Linear(lookback, horizon)

    def forward(self, x):
        mean = x.mean(1, keepdim=True) if self.revin else 0.0
        x = x - mean
        for t, f in zip(self.time, self.feat):
            x = x + t(x.transpose(1, 2)).transpose(1, 2)
            x = x + f(x)
        return self.out(x.transpose(1, 2)).transpose(1, 2) + mean


LOSSES = {"mse": nn.MSELoss, "mae": nn.L1Loss, "huber": nn.HuberLoss}


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg: DictConfig):
    torch.manual_seed(cfg.seed)
    frame = pd.read_csv(cfg.data.csv, index_col=0)
    x = torch.tensor(frame.values, dtype=torch.float32)
    net = Mixer(x.shape[1], cfg.window.lookback, cfg.window.horizon, **cfg.model)
    opt = torch.optim.Adam(net.parameters(), lr=cfg.optim.lr, weight_decay=cfg.optim.weight_decay)
    decay = torch.optim.lr_scheduler.ExponentialLR(opt, cfg.optim.lr_decay)
    loss_of = LOSSES[cfg.train.loss]()
    starts = np.arange(0, len(x) - cfg.window.lookback - cfg.window.horizon, cfg.window.stride)
    best, bad = float("inf"), 0
    for epoch in range(cfg.train.epochs):
        for i in range(0, len(starts), cfg.train.batch_size):
            b = torch.stack([x[s : s + cfg.window.lookback + cfg.window.horizon] for s in starts[i : i + cfg.train.batch_size]])
            loss = loss_of(net(b[:, : cfg.window.lookback]), b[:, cfg.window.lookback :])
            opt.zero_grad()
            loss.backward()
            if cfg.train.grad_clip:
                nn.utils.clip_grad_norm_(net.parameters(), cfg.train.grad_clip)
            opt.step()
        decay.step()
        bad = 0 if loss.item() < best else bad + 1
        best = min(best, loss.item())
        print(f"epoch {epoch} val_mse {loss.item():.4f} val_mae {loss.item():.4f}")
        if bad > cfg.train.patience:
            break


if __name__ == "__main__":
    main()
