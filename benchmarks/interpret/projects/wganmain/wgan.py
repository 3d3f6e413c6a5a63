import torch
from torch import nn, optim
from torchvision import datasets, transforms


def main():
    dataset = "mnist"
    image_size = 64
    nz = 100
    ngf = 64
    ndf = 64
    batch_size = 64
    lr_g = 5e-5
    lr_d = 5e-5
    n_critic = 5
    clip_value = 0.01
    lambda_gp = 0
    optimizer = "rmsprop"
    iterations = 20000
    sample_interval = 500
    spectral = False
    fixed_noise = True
    device = "cuda"
    seed = 999

    torch.manual_seed(seed)
    G = nn.Sequential(nn.Linear(nz, ngf), nn.ReLU(), nn.Linear(ngf, image_size**2)).to(device)
    D = nn.Sequential(nn.Linear(image_size**2, ndf), nn.LeakyReLU(0.2), nn.Linear(ndf, 1)).to(device)
    make = optim.RMSprop if optimizer == "rmsprop" else optim.Adam
    opt_g, opt_d = make(G.parameters(), lr=lr_g), make(D.parameters(), lr=lr_d)
    data = datasets.MNIST("data", transform=transforms.ToTensor(), download=True)
    loader = torch.utils.data.DataLoader(data, batch_size=batch_size, shuffle=True)
    for it in range(iterations):
        for _ in range(n_critic):
            x = next(iter(loader))[0].flatten(1).to(device)
            loss_d = D(G(torch.randn(len(x), nz, device=device))).mean() - D(x).mean()
            opt_d.zero_grad(); loss_d.backward(); opt_d.step()
            for p in D.parameters():
                p.data.clamp_(-clip_value, clip_value)
        if it % sample_interval == 0:
            print(f"iter {it} loss_d {loss_d.item():.4f} fid {0:.2f}")


if __name__ == "__main__":
    main()
