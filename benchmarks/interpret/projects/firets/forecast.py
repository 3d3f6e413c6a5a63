import fire
import numpy as np
import torch
from torch import nn


class Forecaster(nn.Module):
    def __init__(self, kind, hidden, layers, horizon, dropout):
        super().__init__()
        cell = {"gru": nn.GRU, "lstm": nn.LSTM}[kind]
        self.rnn = cell(1, hidden, layers, batch_first=True, dropout=dropout)
        self.out = nn.Linear(hidden, horizon)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


def windows(series, lookback, horizon, stride):
    xs = [series[i : i + lookback] for i in range(0, len(series) - lookback - horizon, stride)]
    ys = [series[i + lookback : i + lookback + horizon] for i in range(0, len(series) - lookback - horizon, stride)]
    return torch.tensor(np.array(xs)).float().unsqueeze(-1), torch.tensor(np.array(ys)).float()


def train(
    csv="etth1.csv",
    lookback=96,
    horizon=24,
    stride=1,
    kind="gru",
    hidden=64,
    layers=2,
    dropout=0.0,
    lr=1e-3,
    l2=0.0,
    batch=64,
    epochs=30,
    loss="mse",
    early_stop=None,
    normalize=True,
    quantile=0.5,
    seed=0,
    device="cpu",
    verbose=False,
):
    """Fits a recurrent forecaster.

    Args:
        lookback: how many past hours the model sees
        horizon: how many hours are forecast
        early_stop: epochs without improvement after which training ends
        loss: mse, mae or quantile
    """
    torch.manual_seed(seed)
    series = np.loadtxt(csv)
    cut = int(0.8 * len(series))
    x, y = windows(series[:cut], lookback, horizon, stride)
    vx, vy = windows(series[cut:], lookback, horizon, stride)
    model = Forecaster(kind, hidden, layers, horizon, dropout).to(device)
    opt = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=l2)
    for epoch in range(epochs):
        for i in torch.randperm(len(x)).split(batch):
            err = model(x[i]) - y[i]
            value = err.abs().mean() if loss == "mae" else err.square().mean()
            opt.zero_grad()
            value.backward()
            opt.step()
        with torch.no_grad():
            mae = (model(vx) - vy).abs().mean().item()
        print(f"epoch {epoch}: loss={value.item():.4f} val_mae={mae:.4f}")


if __name__ == "__main__":
    fire.Fire(train)
