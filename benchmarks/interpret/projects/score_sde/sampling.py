import torch


def get_sampler(c, sde):
    def em(net, x, ts, corrector=0):
        for t, dt in zip(ts[:-1], ts[:-1] - ts[1:]):
            v = torch.full((len(x),), float(t))
            for _ in range(corrector):
                g = net(x, v)
                eps = 2 * (c.snr * x.flatten(1).norm(dim=1).mean() / g.flatten(1).norm(dim=1).mean()) ** 2
                x = x + eps * g + (2 * eps).sqrt() * torch.randn_like(x)
            s2 = sde.diffusion(v)[:, None, None, None] ** 2
            x = x + s2 * net(x, v) * dt + (s2 * dt).sqrt() * torch.randn_like(x)
        return x

    def sampler(net, ema, n):
        net.load_state_dict(ema)
        ts = torch.linspace(1, 1e-3, 1000)
        x = torch.randn(n, 3, 32, 32)
        if c.method == "ode":
            from ode import solve
            return solve(net, sde, x)
        return em(net, x, ts, c.corrector_steps if c.method == "pc" else 0)
    return sampler
