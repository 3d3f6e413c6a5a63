import torch
from torch import nn, optim
from torchvision import datasets, transforms

batch_size = 128
z_dim = 20
h_dim = 400
lr = 1e-3
epochs = 10
beta = 1.0
likelihood = "bernoulli"  # or gaussian
kl_anneal_epochs = 0
log_interval = 100
device = torch.device("cpu")

torch.manual_seed(1)
loader = torch.utils.data.DataLoader(datasets.MNIST("data", train=True, transform=transforms.ToTensor(), download=True), batch_size=batch_size, shuffle=True)
enc = nn.Sequential(nn.Flatten(), nn.Linear(784, h_dim), nn.ReLU(), nn.Linear(h_dim, 2 * z_dim))
dec = nn.Sequential(nn.Linear(z_dim, h_dim), nn.ReLU(), nn.Linear(h_dim, 784))
optimizer = optim.Adam([*enc.parameters(), *dec.parameters()], lr=lr)
for epoch in range(1, epochs + 1):
    w = beta * min(1.0, epoch / kl_anneal_epochs) if kl_anneal_epochs else beta
    for i, (x, _) in enumerate(loader):
        mu, logvar = enc(x).chunk(2, 1)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        recon = nn.functional.binary_cross_entropy_with_logits(dec(z), x.flatten(1), reduction="sum")
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()
        loss = recon + w * kl
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        if i % log_interval == 0:
            print(f"epoch {epoch} loss {loss.item() / len(x):.3f} recon {recon.item():.1f} kl {kl.item():.1f}")
