import hydra
import torch
from hydra.utils import to_absolute_path
from omegaconf import DictConfig, OmegaConf

from asr.data import make_loaders
from asr.model import build_model
from asr.metrics import wer


def make_optimizer(cfg, params):
    if cfg.optim.name == "adamw":
        return torch.optim.AdamW(params, lr=cfg.optim.lr, betas=tuple(cfg.optim.betas), weight_decay=cfg.optim.weight_decay)
    return torch.optim.SGD(params, lr=cfg.optim.lr, momentum=cfg.optim.momentum, weight_decay=cfg.optim.weight_decay)


def lr_at(cfg, step):
    w = cfg.optim.warmup_steps
    if w and step < w:
        return cfg.optim.lr * step / w
    if cfg.optim.schedule == "noam":
        return cfg.optim.lr * (max(w, 1) / step) ** 0.5
    if cfg.optim.schedule == "constant":
        return cfg.optim.lr
    raise ValueError(cfg.optim.schedule)


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg: DictConfig):
    print(OmegaConf.to_yaml(cfg))
    torch.manual_seed(cfg.seed)
    train, valid, tok = make_loaders(cfg.data, cfg.specaug)
    model = build_model(cfg.model, cfg.data.n_mels, len(tok)).cuda()
    opt = make_optimizer(cfg, model.parameters())
    step, best, bad = 0, 1e9, 0
    dtype = {"32": torch.float32, "16": torch.float16, "bf16": torch.bfloat16}[str(cfg.trainer.precision)]
    if cfg.trainer.devices > 1:
        model = torch.nn.DataParallel(model, list(range(cfg.trainer.devices)))
    for epoch in range(cfg.trainer.max_epochs):
        model.train()
        for i, b in enumerate(train):
            step += 1
            with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
                ctc, att = model(b.feats.cuda(), b.tokens.cuda(), smoothing=cfg.loss.label_smoothing)
            loss = cfg.loss.ctc_weight * ctc + (1 - cfg.loss.ctc_weight) * att
            (loss / cfg.trainer.accumulate).backward()
            if (i + 1) % cfg.trainer.accumulate == 0:
                torch.nn.utils.clip_grad_norm_(model.parameters(), cfg.trainer.grad_clip)
                for g in opt.param_groups:
                    g["lr"] = lr_at(cfg, step)
                opt.step()
                opt.zero_grad()
        if epoch % cfg.trainer.val_every == 0:
            w = wer(model, valid, beam=cfg.decode.beam, lm_weight=cfg.decode.lm_weight)
            print(f"epoch={epoch} train_loss={loss.item():.3f} val_wer={w:.3f}")
            bad = 0 if w < best else bad + 1
            best = min(best, w)
            if cfg.trainer.patience and bad >= cfg.trainer.patience:
                break


if __name__ == "__main__":
    main()
