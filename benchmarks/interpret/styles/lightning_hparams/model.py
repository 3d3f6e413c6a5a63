import lightning as L, torch, torch.nn as nn, torchmetrics

class LitECG(L.LightningModule):
    def __init__(self, n_leads: int = 12, n_classes: int = 5, width: int = 32, blocks: int = 4,
                 kernel_size: int = 15, dropout: float = 0.3, lr: float = 3e-4,
                 weight_decay: float = 1e-2, pct_start: float = 0.3):
        super().__init__()
        self.save_hyperparameters()
        h, layers, c = self.hparams, [], n_leads
        for i in range(h.blocks):
            layers += [nn.Conv1d(c, width * 2 ** i, h.kernel_size, 2), nn.BatchNorm1d(width * 2 ** i), nn.ReLU(), nn.Dropout(dropout)]
            c = width * 2 ** i
        self.net = nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(c, n_classes))
        self.auc = torchmetrics.AUROC("multilabel", num_labels=n_classes)

    def training_step(self, b, _):
        loss = nn.functional.binary_cross_entropy_with_logits(self.net(b[0]), b[1])
        self.log("loss", loss)
        return loss

    def validation_step(self, b, _):
        self.auc(self.net(b[0]), b[1].int())
        self.log("val_auc", self.auc)

    def configure_optimizers(self):
        opt = torch.optim.AdamW(self.parameters(), lr=self.hparams.lr, weight_decay=self.hparams.weight_decay)
        s = torch.optim.lr_scheduler.OneCycleLR(opt, self.hparams.lr, self.trainer.estimated_stepping_batches, pct_start=self.hparams.pct_start)
        return {"optimizer": opt, "lr_scheduler": {"scheduler": s, "interval": "step"}}

class ECGData(L.LightningDataModule):
    def __init__(self, path, batch_size=64, num_workers=4, val_frac=0.1):
        super().__init__()
        self.save_hyperparameters()
    def setup(self, stage):
        ds = torch.utils.data.TensorDataset(*torch.load(self.hparams.path))
        v = self.hparams.val_frac
        self.tr, self.va = torch.utils.data.random_split(ds, [1 - v, v])
    def train_dataloader(self):
        return torch.utils.data.DataLoader(self.tr, self.hparams.batch_size, True, num_workers=self.hparams.num_workers)
    def val_dataloader(self):
        return torch.utils.data.DataLoader(self.va, self.hparams.batch_size)
