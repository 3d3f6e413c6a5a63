import hydra, torch, torch.nn as nn
from hydra.utils import instantiate, to_absolute_path
from omegaconf import DictConfig, OmegaConf
import segmentation_models_pytorch as smp

def load(cfg):
    x, y = torch.load(to_absolute_path(cfg.root))
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), cfg.batch_size,
                                       shuffle=True, num_workers=cfg.num_workers)

@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg: DictConfig):
    print(OmegaConf.to_yaml(cfg))
    torch.manual_seed(cfg.seed)
    net = smp.Unet(cfg.model.encoder, encoder_weights="imagenet" if cfg.model.pretrained else None,
                   decoder_channels=list(cfg.model.channels), classes=cfg.data.n_classes).to(cfg.device)
    opt = instantiate(cfg.optim, params=net.parameters())
    ce = nn.CrossEntropyLoss(ignore_index=255)
    dice = smp.losses.DiceLoss("multiclass")
    for epoch in range(cfg.trainer.epochs):
        for i, (x, y) in enumerate(load(cfg.data)):
            out = net(x.to(cfg.device))
            y = y.to(cfg.device)
            loss = ce(out, y) + cfg.loss.dice_weight * dice(out, y)
            (loss / cfg.trainer.accumulate).backward()
            if (i + 1) % cfg.trainer.accumulate == 0:
                opt.step(); opt.zero_grad()
        if epoch % cfg.trainer.log_every == 0:
            print(epoch, loss.item())

if __name__ == "__main__":
    main()
