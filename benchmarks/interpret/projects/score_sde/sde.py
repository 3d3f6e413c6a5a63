import math

import torch


class VP:
    def __init__(self, c):
        self.b0, self.b1 = c.beta_min, c.beta_max

    def marginal(self, x, t):
        lm = (-0.25 * t ** 2 * (self.b1 - self.b0) - 0.5 * t * self.b0)[:, None, None, None]
        return lm.exp() * x, (1 - (2 * lm).exp()).sqrt()

    def diffusion(self, t):
        return (self.b0 + t * (self.b1 - self.b0)).sqrt()


class VE:
    def __init__(self, c):
        self.s0, self.s1 = c.sigma_min, c.sigma_max

    def marginal(self, x, t):
        return x, (self.s0 * (self.s1 / self.s0) ** t)[:, None, None, None]

    def diffusion(self, t):
        return self.s0 * (self.s1 / self.s0) ** t * math.sqrt(2 * math.log(self.s1 / self.s0))


def get_sde(c):
    return {"vp": VP, "ve": VE, "subvp": VP}[c.kind](c)
