"""Lightning with manual optimization: `manual_backward` is called, `step` was forgotten.

Expected: weights-unchanged or not-learning, says step or unchanged
Also: not-learning, validation-at-chance, loss-floor, weights-unchanged
Needs: lightning
"""

import lightning as L
import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Wine(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.net = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 3))

    def training_step(self, batch, batch_idx):
        x, y = batch
        opt = self.optimizers()
        opt.zero_grad()
        loss = nn.functional.cross_entropy(self.net(x), y)
        self.manual_backward(loss)
        self.log("train_loss", loss)

    def validation_step(self, batch, batch_idx):
        x, y = batch
        out = self.net(x)
        self.log("val_loss", nn.functional.cross_entropy(out, y), prog_bar=True)
        self.log("val_acc", (out.argmax(1) == y).float().mean(), prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-2)


L.seed_everything(31)
X, y = load_wine(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
data = TensorDataset(X, torch.tensor(y))
train, val = torch.utils.data.random_split(data, [140, 38])
trainer = L.Trainer(
    max_epochs=40, accelerator="cpu", enable_checkpointing=False, log_every_n_steps=5,
    enable_model_summary=False,
)  # fmt: skip
trainer.fit(Wine(), DataLoader(train, 20, shuffle=True), DataLoader(val, 38))
