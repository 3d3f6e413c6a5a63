from typing import List, Optional, Union
import torch, torch.nn as nn
from jsonargparse import ArgumentParser, ActionConfigFile

class TCN(nn.Module):
    """Temporal conv net.

    Args:
        hidden: channels per level
        levels: number of dilated blocks
    """
    def __init__(self, hidden: int = 64, levels: int = 5, kernel: int = 3, dropout: float = 0.1):
        super().__init__()
        ls, c = [], 1
        for i in range(levels):
            ls += [nn.Conv1d(c, hidden, kernel, padding=(kernel - 1) * 2 ** i // 2, dilation=2 ** i), nn.ReLU(), nn.Dropout(dropout)]
            c = hidden
        self.net, self.head = nn.Sequential(*ls), nn.LazyLinear(1)
    def forward(self, x):
        return self.head(self.net(x[:, None])[:, :, -1])

class Fitter:
    def __init__(self, lr: float = 2e-3, epochs: int = 40, batch_size: int = 64,
                 loss: str = "huber", patience: Optional[int] = 5):
        self.__dict__.update(locals())
    def __call__(self, net, X, Y):
        fn = {"huber": nn.HuberLoss(), "mse": nn.MSELoss()}[self.loss]
        opt = torch.optim.Adam(net.parameters(), self.lr)
        best, bad = 1e9, 0
        n = int(.9 * len(X))
        for ep in range(self.epochs):
            for i in torch.randperm(n).split(self.batch_size):
                l = fn(net(X[i])[:, 0], Y[i]); opt.zero_grad(); l.backward(); opt.step()
            v = fn(net(X[n:])[:, 0], Y[n:]).item()
            best, bad = (v, 0) if v < best else (best, bad + 1)
            print(ep, v)
            if self.patience and bad >= self.patience:
                break

if __name__ == "__main__":
    p = ArgumentParser(default_config_files=["fit.yaml"], env_prefix="TCN", default_env=True)
    p.add_argument("--config", action=ActionConfigFile)
    p.add_class_arguments(TCN, "model")
    p.add_class_arguments(Fitter, "fit")
    p.add_argument("--data.path", type=str, default="etth1.pt")
    p.add_argument("--data.window", type=int, default=96)
    p.add_argument("--data.horizon", type=int, default=24)
    p.add_argument("--seed", type=Union[int, bool], default=0)
    cfg = p.parse_args()
    init = p.instantiate_classes(cfg)
    torch.manual_seed(int(cfg.seed))
    s = torch.load(cfg.data.path)
    w, h = cfg.data.window, cfg.data.horizon
    X = torch.stack([s[i:i + w] for i in range(len(s) - w - h)])
    init.fit(init.model, X, s[w + h:])
