import fire, torch, torch.nn as nn, torch.nn.functional as F
from torchvision import datasets, models, transforms as T

class SimCLR:
    """Contrastive pretraining and linear probe."""
    def __init__(self, arch="resnet18", proj_dim=128, temperature=0.5,
                 color_jitter=0.5, data="./data", batch_size=256,
                 workers=4, seed=0, device="cuda", ckpt="simclr.pth"):
        torch.manual_seed(seed)
        self.t, self.data, self.bs, self.w = temperature, data, batch_size, workers
        self.dev, self.ckpt, self.s = device, ckpt, color_jitter
        self.f = models.__dict__[arch](weights=None)
        self.d, self.f.fc = self.f.fc.in_features, nn.Identity()
        self.g = nn.Sequential(nn.Linear(self.d, self.d), nn.ReLU(), nn.Linear(self.d, proj_dim))
        self.f.to(device); self.g.to(device)

    def _loader(self, train, two):
        s = self.s
        aug = T.Compose([T.RandomResizedCrop(32), T.RandomHorizontalFlip(),
                         T.RandomApply([T.ColorJitter(.8 * s, .8 * s, .8 * s, .2 * s)], 0.8),
                         T.RandomGrayscale(0.2), T.ToTensor()])
        tf = (lambda im: torch.stack([aug(im), aug(im)])) if two else T.ToTensor()
        ds = datasets.CIFAR10(self.data, train, tf, download=True)
        return torch.utils.data.DataLoader(ds, self.bs, shuffle=train, num_workers=self.w, drop_last=two)

    def pretrain(self, epochs=100, lr=0.3, weight_decay=1e-6, cosine=True):
        opt = torch.optim.SGD([*self.f.parameters(), *self.g.parameters()], lr, 0.9, weight_decay=weight_decay)
        sch = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs) if cosine else None
        for ep in range(epochs):
            for x, _ in self._loader(True, True):
                z = F.normalize(self.g(self.f(x.transpose(0, 1).flatten(0, 1).to(self.dev))), dim=1)
                n = len(z) // 2
                sim = z @ z.T / self.t
                sim.fill_diagonal_(-1e9)
                loss = F.cross_entropy(sim, torch.arange(2 * n, device=self.dev).roll(n))
                opt.zero_grad(); loss.backward(); opt.step()
            if sch: sch.step()
            print(ep, loss.item())
        torch.save(self.f.state_dict(), self.ckpt)

    def probe(self, epochs=20, lr=1e-3):
        self.f.load_state_dict(torch.load(self.ckpt)); self.f.eval()
        head = nn.Linear(self.d, 10).to(self.dev)
        opt = torch.optim.Adam(head.parameters(), lr)
        for _ in range(epochs):
            for x, y in self._loader(True, False):
                with torch.no_grad(): h = self.f(x.to(self.dev))
                l = F.cross_entropy(head(h), y.to(self.dev)); opt.zero_grad(); l.backward(); opt.step()

if __name__ == "__main__":
    fire.Fire(SimCLR)
