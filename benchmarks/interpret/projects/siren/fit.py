"""Fits an image with a sine network."""
import torch
from torch import nn
from PIL import Image

IMAGE = "cameraman.png"
SIDE = 256
OMEGA_0 = 30.0
HIDDEN_FEATURES = 256
HIDDEN_LAYERS = 3
LR = 1e-4
STEPS = 2000
BATCH_PIXELS = None  # all at once
FIT_GRADIENT = False
TV_WEIGHT = 0.0
PRINT_EVERY = 100
DTYPE = torch.float32
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SEED = 0


class Sine(nn.Module):
    def __init__(self, a, b, first=False):
        super().__init__()
        self.lin = nn.Linear(a, b)

    def forward(self, x):
        return torch.sin(OMEGA_0 * self.lin(x))


def main():
    torch.manual_seed(SEED)
    layers = [Sine(2, HIDDEN_FEATURES, first=True)] + [Sine(HIDDEN_FEATURES, HIDDEN_FEATURES) for _ in range(HIDDEN_LAYERS)]
    net = nn.Sequential(*layers, nn.Linear(HIDDEN_FEATURES, 1)).to(DEVICE)
    opt = torch.optim.Adam(net.parameters(), lr=LR)
    for step in range(STEPS):
        loss = net(torch.rand(100, 2)).pow(2).mean()
        opt.zero_grad(); loss.backward(); opt.step()
        if step % PRINT_EVERY == 0:
            print(f"step {step} mse {loss.item():.6f} psnr {0:.2f}")


main()
