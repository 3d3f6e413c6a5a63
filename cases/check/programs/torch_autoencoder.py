"""A variational autoencoder and a classifier of its codes, with losses of probabilities."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


class VAE(nn.Module):
    def __init__(self, size=20, code=3):
        super(VAE, self).__init__()
        self.encode = nn.Linear(size, 16)
        self.mean = nn.Linear(16, code)
        self.logvar = nn.Linear(16, code)
        self.decode = nn.Linear(code, 16)
        self.out = nn.Linear(16, size)

    def forward(self, x):
        h = F.relu(self.encode(x))
        mean, logvar = self.mean(h), self.logvar(h)
        code = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        rebuilt = torch.sigmoid(self.out(F.relu(self.decode(code))))
        return rebuilt, mean, logvar


class Classifier(nn.Module):
    def __init__(self, code=3, classes=2):
        super(Classifier, self).__init__()
        self.fc = nn.Linear(code, classes)

    def forward(self, x):
        return F.log_softmax(self.fc(x), dim=1)


def vae_loss(rebuilt, x, mean, logvar):
    bce = F.binary_cross_entropy(rebuilt, x, reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())
    return bce + kld


def fit_vae(model, loader, optimizer):
    for epoch in range(3):
        model.train()
        train_loss = 0.0
        for x, _ in loader:
            optimizer.zero_grad()
            rebuilt, mean, logvar = model(x)
            loss = vae_loss(rebuilt, x, mean, logvar)
            loss.backward()
            train_loss += loss.item()
            optimizer.step()
        print(f"epoch {epoch} loss {train_loss / len(loader.dataset):.5f}")


def fit_classifier(model, vae, loader, optimizer):
    vae.eval()
    for x, y in loader:
        with torch.no_grad():
            _, mean, _ = vae(x)
        optimizer.zero_grad()
        loss = F.nll_loss(model(mean), y)
        loss.backward()
        optimizer.step()
    print("classifier", loss.item())


def main():
    torch.manual_seed(0)
    labels = torch.randint(0, 2, (400,))
    rows = (torch.rand(400, 20) < 0.2 + 0.5 * labels[:, None]).float()
    train_loader = DataLoader(TensorDataset(rows, labels), batch_size=40, shuffle=True)
    vae, classifier = VAE(), Classifier()
    fit_vae(vae, train_loader, torch.optim.Adam(vae.parameters(), lr=0.01))
    fit_classifier(classifier, vae, train_loader, torch.optim.Adam(classifier.parameters(), lr=0.05))


if __name__ == "__main__":
    main()
