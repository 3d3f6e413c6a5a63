from dataclasses import dataclass
import torch, torch.nn as nn, torch.nn.functional as F
from simple_parsing import ArgumentParser, choice, field, list_field, subparsers
from torchvision import datasets, transforms

@dataclass
class VAEConfig:
    """Architecture."""
    latent_dim: int = 20  # size of z
    hidden: list[int] = list_field(512, 256)
    beta: float = 1.0  # weight of the KL term
    likelihood: str = choice("bernoulli", "gaussian", default="bernoulli")

@dataclass
class Optim:
    lr: float = 1e-3
    wd: float = 0.0
    amsgrad: bool = False

@dataclass
class Run:
    epochs: int = field(default=50, alias="-e")
    batch: int = 128
    kl_warmup: int = 10
    data: str = "~/data"
    save: str = "vae.pt"
    seed: int = 3

parser = ArgumentParser()
parser.add_arguments(VAEConfig, dest="model")
parser.add_arguments(Optim, dest="optim")
parser.add_arguments(Run, dest="run")
args = parser.parse_args()
mc, oc, rc = args.model, args.optim, args.run

def mlp(ds):
    return nn.Sequential(*[m for a, b in zip(ds, ds[1:]) for m in (nn.Linear(a, b), nn.ReLU())][:-1])

torch.manual_seed(rc.seed)
enc = mlp([784, *mc.hidden, 2 * mc.latent_dim])
dec = mlp([mc.latent_dim, *mc.hidden[::-1], 784])
P = [*enc.parameters(), *dec.parameters()]
opt = torch.optim.Adam(P, lr=oc.lr, weight_decay=oc.wd, amsgrad=oc.amsgrad)
dl = torch.utils.data.DataLoader(datasets.MNIST(rc.data, transform=transforms.ToTensor(), download=True), rc.batch, True)
for ep in range(rc.epochs):
    beta = mc.beta * min(1.0, (ep + 1) / rc.kl_warmup)
    for x, _ in dl:
        x = x.flatten(1)
        mu, lv = enc(x).chunk(2, 1)
        out = dec(mu + torch.randn_like(mu) * (lv / 2).exp())
        rec = (F.binary_cross_entropy_with_logits(out, x, reduction="sum") if mc.likelihood == "bernoulli"
               else F.mse_loss(out, x, reduction="sum"))
        kl = -0.5 * (1 + lv - mu ** 2 - lv.exp()).sum()
        loss = (rec + beta * kl) / len(x)
        opt.zero_grad(); loss.backward(); opt.step()
    print(ep, loss.item())
torch.save([enc.state_dict(), dec.state_dict()], rc.save)
