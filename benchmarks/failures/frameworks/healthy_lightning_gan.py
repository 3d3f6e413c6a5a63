"""A GAN on a ring of Gaussians in Lightning, two optimizers by hand.

Needs: lightning
Expected: nothing
"""

import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

L.seed_everything(0)
angle = torch.randint(8, (2000,)) * torch.pi / 4
points = torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(2000, 2)


class Module(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.generator = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))  # fmt: skip
        self.critic = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))  # fmt: skip

    def training_step(self, batch, _):
        first, second = self.optimizers()
        real, made = batch[0], self.generator(torch.randn(len(batch[0]), 4))
        soft = nn.functional.softplus
        d_loss = soft(-self.critic(real)).mean() + soft(self.critic(made.detach())).mean()
        second.zero_grad()
        self.manual_backward(d_loss)
        second.step()
        g_loss = soft(-self.critic(made)).mean()
        first.zero_grad()
        self.manual_backward(g_loss)
        first.step()
        self.log_dict({"d_loss": d_loss, "g_loss": g_loss})

    def configure_optimizers(self):
        return [torch.optim.Adam(m.parameters(), 1e-3, betas=(0.5, 0.9)) for m in (self.generator, self.critic)]  # fmt: skip


loader = DataLoader(TensorDataset(points), batch_size=50, shuffle=True)
L.Trainer(max_epochs=20, accelerator="cpu", log_every_n_steps=5, enable_checkpointing=False, enable_progress_bar=False).fit(Module(), loader)  # fmt: skip
