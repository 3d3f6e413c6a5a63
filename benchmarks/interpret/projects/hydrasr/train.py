import hydra
import torch
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg: DictConfig):
    torch.manual_seed(cfg.seed)
    net = torch.nn.Conv2d(3, cfg.model.n_feats, 3)
    opt = torch.optim.Adam(net.parameters(), lr=cfg.optim.lr, betas=cfg.optim.betas)
    for step in range(cfg.trainer.max_steps):
        if step % cfg.trainer.val_every == 0:
            print(f"step {step} loss {0:.4f} psnr {0:.2f} ssim {0:.3f}")


if __name__ == "__main__":
    main()
