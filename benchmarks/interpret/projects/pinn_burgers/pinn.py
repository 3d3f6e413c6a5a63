"""Physics-informed network for Burgers' equation  u_t + u u_x = nu u_xx."""
import math
import time

import numpy as np
import torch
import torch.nn as nn

# ---- problem
NU = 0.01 / math.pi
X_MIN, X_MAX = -1.0, 1.0
T_MAX = 1.0

# ---- sampling
N_COLLOCATION = 10_000      # interior points
N_BOUNDARY = 200
N_INITIAL = 200
SAMPLER = "lhs"             # "uniform", "lhs", "sobol"
RESAMPLE_EVERY = 0          # adam steps, 0 = fixed points

# ---- network
HIDDEN_LAYERS = 8
NEURONS = 20
ACTIVATION = "tanh"         # tanh | sin | gelu
FOURIER_FEATURES = 0        # number of random features, 0 = off
FOURIER_SCALE = 1.0
HARD_BC = False             # build boundary conditions into the ansatz

# ---- training
SEED = 1234
ADAM_STEPS = 10_000
ADAM_LR = 1e-3
LR_DECAY = 0.9              # per 1000 steps
USE_LBFGS = True            # polish after Adam
LBFGS_ITERS = 5000
W_PDE = 1.0
W_BC = 1.0
W_IC = 1.0
ADAPTIVE_WEIGHTS = False    # gradient-norm balancing
DOUBLE = False              # float64
LOG_EVERY = 500

ACTS = {"tanh": torch.tanh, "sin": torch.sin, "gelu": nn.functional.gelu}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        d = 2
        if FOURIER_FEATURES:
            self.register_buffer("B", FOURIER_SCALE * torch.randn(2, FOURIER_FEATURES))
            d = 2 * FOURIER_FEATURES
        dims = [d] + [NEURONS] * HIDDEN_LAYERS + [1]
        self.lin = nn.ModuleList(nn.Linear(a, b) for a, b in zip(dims[:-1], dims[1:]))

    def forward(self, x, t):
        h = torch.cat([x, t], 1)
        if FOURIER_FEATURES:
            p = 2 * math.pi * h @ self.B
            h = torch.cat([p.sin(), p.cos()], 1)
        for l in self.lin[:-1]:
            h = ACTS[ACTIVATION](l(h))
        u = self.lin[-1](h)
        if HARD_BC:
            u = u * t * (1 - x ** 2) - torch.sin(math.pi * x)
        return u


def sample(n, seed):
    if SAMPLER == "sobol":
        p = torch.quasirandom.SobolEngine(2, scramble=True, seed=seed).draw(n)
    elif SAMPLER == "lhs":
        rng = np.random.default_rng(seed)
        p = torch.tensor((np.stack([rng.permutation(n) for _ in range(2)], 1) + rng.random((n, 2))) / n)
    else:
        p = torch.rand(n, 2)
    p = p.to(torch.get_default_dtype())
    return (X_MIN + (X_MAX - X_MIN) * p[:, :1]).requires_grad_(), (T_MAX * p[:, 1:]).requires_grad_()


def residual(net, x, t):
    u = net(x, t)
    ux, ut = torch.autograd.grad(u.sum(), (x, t), create_graph=True)
    uxx, = torch.autograd.grad(ux.sum(), x, create_graph=True)
    return ut + u * ux - NU * uxx


def losses(net, pts):
    x, t = pts
    pde = residual(net, x, t).pow(2).mean()
    tb = T_MAX * torch.rand(N_BOUNDARY, 1)
    bc = net(torch.full_like(tb, X_MIN), tb).pow(2).mean() + net(torch.full_like(tb, X_MAX), tb).pow(2).mean()
    xi = X_MIN + (X_MAX - X_MIN) * torch.rand(N_INITIAL, 1)
    ic = (net(xi, torch.zeros_like(xi)) + torch.sin(math.pi * xi)).pow(2).mean()
    return pde, bc, ic


def main():
    torch.manual_seed(SEED)
    if DOUBLE:
        torch.set_default_dtype(torch.float64)
    net = Net()
    pts = sample(N_COLLOCATION, SEED)
    opt = torch.optim.Adam(net.parameters(), ADAM_LR)
    sched = torch.optim.lr_scheduler.StepLR(opt, 1000, LR_DECAY)
    w = [W_PDE, W_BC, W_IC]
    t0 = time.time()
    for step in range(ADAM_STEPS):
        if RESAMPLE_EVERY and step and step % RESAMPLE_EVERY == 0:
            pts = sample(N_COLLOCATION, SEED + step)
        ls = losses(net, pts)
        if ADAPTIVE_WEIGHTS and step % 100 == 0:
            g = [sum(p.norm() for p in torch.autograd.grad(l, net.parameters(), retain_graph=True, allow_unused=True) if p is not None).item() for l in ls]
            w = [sum(g) / (3 * max(v, 1e-12)) for v in g]
        loss = sum(a * l for a, l in zip(w, ls))
        opt.zero_grad(); loss.backward(); opt.step(); sched.step()
        if step % LOG_EVERY == 0:
            print(f"adam {step} loss={loss.item():.3e} pde={ls[0].item():.3e} bc={ls[1].item():.3e} ic={ls[2].item():.3e}")
    if USE_LBFGS:
        lb = torch.optim.LBFGS(net.parameters(), max_iter=LBFGS_ITERS, line_search_fn="strong_wolfe")

        def closure():
            lb.zero_grad()
            l = sum(a * v for a, v in zip(w, losses(net, pts)))
            l.backward()
            return l
        lb.step(closure)
    ref = np.load("burgers_shock.npz")
    with torch.no_grad():
        u = net(torch.tensor(ref["x"]).to(torch.get_default_dtype()), torch.tensor(ref["t"]).to(torch.get_default_dtype()))
    err = np.linalg.norm(u.numpy() - ref["u"]) / np.linalg.norm(ref["u"])
    print(f"rel_l2={err:.4e} time={time.time() - t0:.0f}")


if __name__ == "__main__":
    main()
