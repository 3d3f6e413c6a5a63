import lightning as L, torch, torch.nn as nn, torchmetrics
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from model import LitECG, ECGData

def main():
    L.seed_everything(17)
    dm = ECGData("data/ptbxl.pt", batch_size=128)
    model = LitECG(width=64, lr=1e-3)
    trainer = L.Trainer(
        max_epochs=60,
        accelerator="gpu", devices=1,
        precision="16-mixed",
        gradient_clip_val=0.5,
        accumulate_grad_batches=2,
        logger=TensorBoardLogger("tb", name="ecg"),
        callbacks=[EarlyStopping("val_auc", mode="max", patience=8), ModelCheckpoint(monitor="val_auc", mode="max")],
    )
    trainer.fit(model, dm)

if __name__ == "__main__":
    main()
