"""Neural ODE on spirals with hydra-zen."""
from hydra_zen import builds, make_config, store, zen
import torch, torch.nn as nn
from torchdiffeq import odeint

class Field(nn.Module):
    def __init__(self, width=64, depth=2, act="tanh"):
        super().__init__()
        A = {"tanh": nn.Tanh, "softplus": nn.Softplus}[act]
        d = [2] + [width] * depth
        self.f = nn.Sequential(*[m for a, b in zip(d, d[1:]) for m in (nn.Linear(a, b), A())], nn.Linear(width, 2))
    def forward(self, t, y):
        return self.f(y ** 3)

NetConf = builds(Field, populate_full_signature=True)
OptConf = builds(torch.optim.RMSprop, zen_partial=True,
                 alpha=0.95,
                 momentum=0.0)

Config = make_config(
    net=NetConf,
    optim=OptConf,
    lr=1e-3,
    iters=2000,
    batch_time=10,
    batch_size=20,
    solver="dopri5",
    rtol=1e-7, atol=1e-9,
    data_size=1000,
    noise=0.0,
    seed=0,
    test_freq=20,
)

def train(net, optim, lr, iters, batch_time, batch_size, solver, rtol, atol, data_size, noise, seed, test_freq):
    torch.manual_seed(seed)
    A = torch.tensor([[-0.1, 2.0], [-2.0, -0.1]])
    t = torch.linspace(0, 25, data_size)
    with torch.no_grad():
        y = odeint(lambda t, y: y ** 3 @ A, torch.tensor([[2.0, 0.0]]), t)
        y = y + noise * torch.randn_like(y)
    opt = optim(net.parameters(), lr=lr)
    kw = dict(method=solver, rtol=rtol, atol=atol)
    for it in range(iters):
        s = torch.randint(data_size - batch_time, (batch_size,))
        target = torch.stack([y[s + i] for i in range(batch_time)])
        loss = (odeint(net, y[s], t[:batch_time], **kw) - target).abs().mean()
        opt.zero_grad(); loss.backward(); opt.step()
        if it % test_freq == 0:
            print(it, loss.item())

if __name__ == "__main__":
    store(Config, name="spiral")
    store.add_to_hydra_store()
    zen(train).hydra_main(config_name="spiral", version_base="1.3", config_path=None)
