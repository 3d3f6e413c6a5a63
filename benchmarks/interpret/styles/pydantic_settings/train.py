import torch, torch.nn as nn
from settings import Settings

class NCF(nn.Module):
    def __init__(self, nu, ni, c):
        super().__init__()
        self.u, self.i = nn.Embedding(nu, c.dim), nn.Embedding(ni, c.dim)
        act = {"relu": nn.ReLU, "gelu": nn.GELU}[c.activation]
        layers, d = [], 2 * c.dim
        for _ in range(c.n_layers):
            layers += [nn.Linear(d, d // 2), act(), nn.Dropout(c.dropout)]; d //= 2
        self.mlp = nn.Sequential(*layers, nn.Linear(d, 1))
    def forward(self, u, i):
        return self.mlp(torch.cat([self.u(u), self.i(i)], -1)).squeeze(-1)

def main():
    s = Settings()
    if s.seed is not None:
        torch.manual_seed(s.seed)
    U, I = torch.load(s.data_dir / "pairs.pt")
    net = NCF(int(U.max()) + 1, int(I.max()) + 1, s.model).to(s.device)
    opt = torch.optim.Adam(net.parameters(), lr=s.lr, weight_decay=s.l2)
    for ep in range(s.epochs):
        for idx in torch.randperm(len(U)).split(s.batch_size):
            u, i = U[idx].to(s.device), I[idx].to(s.device)
            neg = torch.randint(int(I.max()) + 1, (len(u) * s.n_negatives,), device=s.device)
            pos, n = net(u, i), net(u.repeat(s.n_negatives), neg)
            loss = nn.functional.softplus(-pos).mean() + nn.functional.softplus(n).mean()
            opt.zero_grad(); loss.backward(); opt.step()
        print(ep, loss.item(), "eval@", s.top_k)

if __name__ == "__main__":
    main()
