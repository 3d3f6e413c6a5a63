"""Variational autoencoder for single-cell counts (scVI-like)."""
from pathlib import Path
from typing import Annotated, Literal, Optional

import anndata
import numpy as np
import torch
import torch.nn as nn
import typer
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score
from torch.distributions import NegativeBinomial, Normal, kl_divergence

cli = typer.Typer(pretty_exceptions_enable=False)


def block(i, o, p, bn):
    return nn.Sequential(nn.Linear(i, o), nn.BatchNorm1d(o) if bn else nn.Identity(), nn.ReLU(), nn.Dropout(p))


class VAE(nn.Module):
    def __init__(self, genes, batches, latent, hidden, layers, p, bn, likelihood):
        super().__init__()
        dims = [genes] + [hidden] * layers
        self.enc = nn.Sequential(*[block(a, b, p, bn) for a, b in zip(dims[:-1], dims[1:])])
        self.mu, self.lv = nn.Linear(hidden, latent), nn.Linear(hidden, latent)
        dims = [latent + batches] + [hidden] * layers
        self.dec = nn.Sequential(*[block(a, b, p, bn) for a, b in zip(dims[:-1], dims[1:])], nn.Linear(hidden, genes))
        self.theta = nn.Parameter(torch.zeros(genes))
        self.drop = nn.Linear(hidden, genes) if likelihood == "zinb" else None
        self.likelihood = likelihood

    def forward(self, x, b):
        h = self.enc(torch.log1p(x))
        q = Normal(self.mu(h), (0.5 * self.lv(h)).exp())
        z = q.rsample()
        rate = self.dec(torch.cat([z, b], 1)).softmax(-1) * x.sum(1, keepdim=True)
        if self.likelihood == "gaussian":
            rec = ((torch.log1p(rate) - torch.log1p(x)) ** 2).sum(-1)
        else:
            t = self.theta.exp()
            rec = -NegativeBinomial(t, logits=(rate + 1e-8).log() - t.log()).log_prob(x).sum(-1)
        return rec, kl_divergence(q, Normal(0.0, 1.0)).sum(-1), q.loc


@cli.command()
def fit(
    h5ad: Annotated[Path, typer.Argument(help="AnnData file with raw counts in .X")],
    n_latent: Annotated[int, typer.Option("--n-latent", "-z", help="dimension of the latent space")] = 10,
    n_hidden: Annotated[int, typer.Option(help="nodes per hidden layer")] = 128,
    n_layers: Annotated[int, typer.Option(help="hidden layers in encoder and decoder")] = 1,
    dropout_rate: Annotated[float, typer.Option()] = 0.1,
    gene_likelihood: Annotated[Literal["nb", "zinb", "gaussian"], typer.Option(help="observation model")] = "zinb",
    n_hvg: Annotated[int, typer.Option(help="keep that many highly variable genes")] = 2000,
    batch_key: Annotated[Optional[str], typer.Option(help="obs column to correct for")] = None,
    label_key: Annotated[str, typer.Option(help="obs column with cell types, for ARI")] = "cell_type",
    kl_weight: Annotated[float, typer.Option(help="beta")] = 1.0,
    kl_warmup: Annotated[int, typer.Option(help="epochs over which beta is ramped up, 0 for none")] = 50,
    batch_norm: Annotated[bool, typer.Option("--batch-norm/--no-batch-norm")] = True,
    max_epochs: int = 400,
    lr: float = 1e-3,
    weight_decay: float = 1e-6,
    minibatch: Annotated[int, typer.Option(help="cells per step")] = 128,
    train_size: Annotated[float, typer.Option(min=0, max=1)] = 0.9,
    early_stopping: bool = False,
    patience: int = 45,
    accelerator: str = "auto",
    seed: int = 0,
):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    ad = anndata.read_h5ad(h5ad)
    X = np.asarray(ad.X.todense(), dtype="float32")
    top = np.argsort(-np.log1p(X).var(0))[:n_hvg]
    X = torch.from_numpy(X[:, top])
    codes = ad.obs[batch_key].astype("category").cat.codes.values if batch_key else np.zeros(len(X), int)
    B = torch.eye(codes.max() + 1)[codes.copy()]
    perm = rng.permutation(len(X))
    cut = int(train_size * len(X))
    tr, va = perm[:cut], perm[cut:]
    dev = "cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu"
    net = VAE(X.shape[1], B.shape[1], n_latent, n_hidden, n_layers, dropout_rate, batch_norm, gene_likelihood).to(dev)
    opt = torch.optim.Adam(net.parameters(), lr, weight_decay=weight_decay)
    best, bad = float("inf"), 0
    for epoch in range(max_epochs):
        beta = kl_weight * (min(1, (epoch + 1) / kl_warmup) if kl_warmup else 1)
        net.train()
        for ix in np.array_split(rng.permutation(tr), max(1, len(tr) // minibatch)):
            rec, kl, _ = net(X[ix].to(dev), B[ix].to(dev))
            loss = (rec + beta * kl).mean()
            opt.zero_grad(); loss.backward(); opt.step()
        net.eval()
        with torch.no_grad():
            rec, kl, z = net(X[va].to(dev), B[va].to(dev))
        elbo = (rec + kl).mean().item()
        print(f"epoch {epoch} elbo_val {elbo:.2f} reconstruction {rec.mean():.2f} kl {kl.mean():.2f}")
        bad = 0 if elbo < best else bad + 1
        best = min(best, elbo)
        if early_stopping and bad >= patience:
            break
    z, lab = z.cpu().numpy(), ad.obs[label_key].values[va]
    c = KMeans(len(set(lab)), random_state=seed).fit_predict(z)
    print(f"ari {adjusted_rand_score(lab, c):.4f} silhouette {silhouette_score(z, lab):.4f}")


if __name__ == "__main__":
    cli()
