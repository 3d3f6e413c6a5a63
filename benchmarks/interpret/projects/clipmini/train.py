import torch
from omegaconf import OmegaConf

cfg = OmegaConf.merge(OmegaConf.load("clip.yaml"), OmegaConf.from_cli())
torch.manual_seed(cfg.seed)
logit_scale = torch.nn.Parameter(torch.tensor(1 / cfg.loss.temperature).log())
opt = torch.optim.AdamW([logit_scale], lr=cfg.optim.lr, betas=(cfg.optim.beta1, cfg.optim.beta2), weight_decay=cfg.optim.wd)
for step in range(cfg.steps):
    if step % cfg.eval_every == 0:
        print(f"step {step} loss {0:.4f} i2t_r1 {0:.3f} t2i_r1 {0:.3f}")
