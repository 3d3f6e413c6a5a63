import copy
import logging
import math

import hydra
import timm
import torch
import torch.nn as nn
import torch.nn.functional as F
from omegaconf import DictConfig

log = logging.getLogger(__name__)


class TextTower(nn.Module):
    def __init__(self, cfg, ctx, out):
        super().__init__()
        self.tok = nn.Embedding(cfg.vocab, cfg.width)
        self.pos = nn.Parameter(torch.randn(ctx, cfg.width) * 0.01)
        layer = nn.TransformerEncoderLayer(cfg.width, cfg.heads, 4 * cfg.width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, cfg.layers)
        self.proj = nn.Linear(cfg.width, out, bias=False)

    def forward(self, t):
        h = self.blocks(self.tok(t) + self.pos[: t.shape[1]])
        return self.proj(h[torch.arange(len(t)), t.argmax(-1)])


class CLIP(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.visual = timm.create_model(cfg.vision.arch, pretrained=cfg.vision.pretrained, num_classes=cfg.embed_dim, drop_path_rate=cfg.vision.drop_path)
        self.text = TextTower(cfg.text, cfg.data.context_length, cfg.embed_dim)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(cfg.logit_scale.init)), requires_grad=cfg.logit_scale.learnable)
        self.logit_bias = nn.Parameter(torch.tensor(-10.0)) if cfg.loss == "siglip" else 0.0
        if cfg.vision.freeze:
            self.visual.requires_grad_(False)
        if cfg.text.freeze:
            self.text.requires_grad_(False)

    def forward(self, x, t):
        i, t = F.normalize(self.visual(x), dim=-1), F.normalize(self.text(t), dim=-1)
        return self.logit_scale.exp() * i @ t.T + self.logit_bias


def contrastive(kind, logits):
    n = len(logits)
    y = torch.arange(n, device=logits.device)
    if kind == "siglip":
        s = 2 * torch.eye(n, device=logits.device) - 1
        return -F.logsigmoid(s * logits).sum() / n
    return (F.cross_entropy(logits, y) + F.cross_entropy(logits.T, y)) / 2


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> None:
    from data import get_loaders
    from zeroshot import imagenet_zeroshot, retrieval
    torch.manual_seed(cfg.seed)
    model = CLIP(cfg).to(cfg.device)
    model.visual.set_grad_checkpointing(cfg.train.grad_ckpt)
    train, val = get_loaders(cfg.data)
    decay = [p for p in model.parameters() if p.ndim >= 2]
    rest = [p for p in model.parameters() if p.ndim < 2]
    opt = torch.optim.AdamW([{"params": decay, "weight_decay": cfg.opt.wd}, {"params": rest, "weight_decay": 0}],
                            lr=cfg.opt.lr, betas=(cfg.opt.beta1, cfg.opt.beta2), eps=cfg.opt.eps)
    ema = copy.deepcopy(model) if cfg.train.ema else None
    total, step = cfg.train.epochs * len(train), 0
    for epoch in range(cfg.train.epochs):
        for x, t in train:
            lr = cfg.opt.lr * (step / max(1, cfg.opt.warmup) if step < cfg.opt.warmup else 0.5 * (1 + math.cos(math.pi * step / total)))
            for g in opt.param_groups:
                g["lr"] = lr
            with torch.autocast("cuda", torch.bfloat16, enabled=cfg.train.precision == "amp_bf16"):
                loss = contrastive(cfg.loss, model(x.to(cfg.device), t.to(cfg.device)))
            opt.zero_grad()
            loss.backward()
            if cfg.opt.grad_clip:
                nn.utils.clip_grad_norm_(model.parameters(), cfg.opt.grad_clip)
            opt.step()
            model.logit_scale.data.clamp_(0, math.log(cfg.logit_scale.max))
            step += 1
            if step % cfg.train.log_every == 0:
                log.info("step %d loss %.4f scale %.2f", step, loss.item(), model.logit_scale.exp().item())
        r = retrieval(ema or model, val)
        log.info("epoch %d i2t_r1=%.2f t2i_r1=%.2f", epoch, r["i2t_r1"], r["t2i_r1"])
        if cfg.train.zeroshot_every and epoch % cfg.train.zeroshot_every == 0:
            log.info("imagenet_top1=%.2f", imagenet_zeroshot(model))


if __name__ == "__main__":
    main()
