import argparse
import json
import os

import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader

from data_utils import TextAudioCollate, TextAudioLoader
from models import MultiPeriodDiscriminator, SynthesizerTrn


class HParams:
    def __init__(self, **kw):
        for k, v in kw.items():
            setattr(self, k, HParams(**v) if isinstance(v, dict) else v)


def get_hparams():
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", "--config", type=str, default="./config.json", help="JSON file for configuration")
    parser.add_argument("-m", "--model", type=str, required=True, help="Model name (folder under logs/)")
    parser.add_argument("--cpu", action="store_true")
    args = parser.parse_args()
    with open(args.config) as f:
        hps = HParams(**json.load(f))
    hps.model_dir = os.path.join("./logs", args.model)
    hps.device = "cpu" if args.cpu else "cuda"
    return hps


def kl_loss(z_p, logs_q, m_p, logs_p, mask):
    kl = logs_p - logs_q - 0.5 + 0.5 * ((z_p - m_p) ** 2) * torch.exp(-2.0 * logs_p)
    return torch.sum(kl * mask) / torch.sum(mask)


def main():
    hps = get_hparams()
    torch.manual_seed(hps.train.seed)
    loader = DataLoader(TextAudioLoader(hps.data.training_files, hps.data, hps.audio), batch_size=hps.train.batch_size,
                        shuffle=True, collate_fn=TextAudioCollate(), num_workers=8)
    evalset = DataLoader(TextAudioLoader(hps.data.validation_files, hps.data, hps.audio), batch_size=hps.train.batch_size,
                         collate_fn=TextAudioCollate())
    m = hps.model
    net_g = SynthesizerTrn(hps.audio.filter_length // 2 + 1, hps.train.segment_size // hps.audio.hop_length, m.hidden_channels,
                           m.filter_channels, m.n_heads, m.n_layers, m.kernel_size, m.p_dropout, n_flows=m.n_flows,
                           use_sdp=m.use_sdp, n_speakers=m.n_speakers, gin_channels=m.gin_channels).to(hps.device)
    net_d = MultiPeriodDiscriminator().to(hps.device)
    opt_g = torch.optim.AdamW(net_g.parameters(), hps.train.learning_rate, betas=hps.train.betas, eps=hps.train.eps)
    opt_d = torch.optim.AdamW(net_d.parameters(), hps.train.learning_rate, betas=hps.train.betas, eps=hps.train.eps)
    sg = torch.optim.lr_scheduler.ExponentialLR(opt_g, gamma=hps.train.lr_decay)
    sd = torch.optim.lr_scheduler.ExponentialLR(opt_d, gamma=hps.train.lr_decay)
    scaler = torch.cuda.amp.GradScaler(enabled=hps.train.fp16_run)
    step = 0
    for epoch in range(1, hps.train.epochs + 1):
        for batch in loader:
            with torch.cuda.amp.autocast(enabled=hps.train.fp16_run):
                o = net_g(*[b.to(hps.device) for b in batch])
                loss_mel = F.l1_loss(o.mel, o.mel_hat) * hps.train.c_mel
                loss_kl = kl_loss(o.z_p, o.logs_q, o.m_p, o.logs_p, o.mask) * hps.train.c_kl
                loss_dur = o.l_length.sum()
                loss_disc = net_d.loss(o.y, o.y_hat.detach())
                loss_gen = net_d.gen_loss(o.y_hat) + loss_mel + loss_kl + loss_dur
            for opt, loss in ((opt_d, loss_disc), (opt_g, loss_gen)):
                opt.zero_grad(); scaler.scale(loss).backward(retain_graph=True); scaler.step(opt)
            scaler.update()
            if step % hps.train.log_interval == 0:
                print(f"Train Epoch: {epoch} step={step} loss_mel={loss_mel.item():.3f} loss_kl={loss_kl.item():.3f} loss_dur={loss_dur.item():.3f}")
            if step % hps.train.eval_interval == 0:
                mcd = evaluate(hps, net_g, evalset)
                print(f"step={step} val_mel_l1={mcd:.4f}")
                torch.save(net_g.state_dict(), os.path.join(hps.model_dir, f"G_{step}.pth"))
            step += 1
        sg.step(); sd.step()


def evaluate(hps, net, loader):
    net.eval()
    with torch.no_grad():
        v = [F.l1_loss(o.mel, o.mel_hat).item() for o in (net(*[b.to(hps.device) for b in batch]) for batch in loader)]
    net.train()
    return sum(v) / len(v)


if __name__ == "__main__":
    main()
