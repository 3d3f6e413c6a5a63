#!/usr/bin/env python3
"""Transformer NMT on sentencepiece-encoded parallel text.

  train_mt.py data-bin/iwslt14 -s de -t en --arch small
"""
import argparse
import math
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

ARCHS = {"tiny": (128, 2, 2), "small": (256, 4, 4), "base": (512, 6, 8), "big": (1024, 6, 16)}


def add_model_args(p):
    g = p.add_argument_group("model")
    g.add_argument("--arch", default="small", choices=ARCHS.keys(), help="preset of width, layers and heads")
    g.add_argument("--encoder-layers", type=int, metavar="N", help="num encoder layers (overrides the preset)")
    g.add_argument("--decoder-layers", type=int, metavar="N", help="num decoder layers (overrides the preset)")
    g.add_argument("--dropout", type=float, default=0.3)
    g.add_argument("--attention-dropout", type=float, default=0.0)
    g.add_argument("--share-all-embeddings", action="store_true", help="share encoder, decoder and output embeddings")
    g.add_argument("--no-pos-emb", dest="pos_emb", action="store_false", help="leave positional embeddings out")
    g.add_argument("--norm", choices=["pre", "post"], default="post", help="where LayerNorm goes")


def add_optim_args(p):
    g = p.add_argument_group("optimisation")
    g.add_argument("--lr", type=float, default=5e-4, metavar="LR")
    g.add_argument("--adam-betas", type=float, nargs=2, default=[0.9, 0.98], metavar=("B1", "B2"))
    g.add_argument("--lr-scheduler", default="inverse_sqrt", choices=["inverse_sqrt", "cosine", "fixed"])
    g.add_argument("--warmup-updates", type=int, default=4000)
    g.add_argument("--max-update", type=int, default=50000, help="stop after that many updates")
    g.add_argument("--max-tokens", type=int, default=4096, help="tokens in a batch")
    g.add_argument("--update-freq", type=int, default=1, help="accumulate gradients over N batches")
    g.add_argument("--weight-decay", "--wd", type=float, default=1e-4)
    g.add_argument("--clip-norm", type=float, default=0.0, help="0 = no clipping")
    g.add_argument("--label-smoothing", type=float, default=0.1, metavar="EPS")
    g.add_argument("--fp16", action="store_true")
    g.add_argument("--patience", type=int, default=-1, help="early stop if valid loss doesn't improve for N validations; -1 off")
    g.add_argument("--max-hours", type=float, default=0, help="stop training after that many hours (0: unlimited)")


def get_parser():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("data", help="folder of binarised data")
    p.add_argument("-s", "--source-lang", default="de")
    p.add_argument("-t", "--target-lang", default="en")
    p.add_argument("--max-len", type=int, default=250, help="drop longer sentences")
    p.add_argument("--bpe-dropout", type=float, default=0.0, help="subword regularisation")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--valid-every", type=int, default=2000, metavar="N", help="updates between validations")
    p.add_argument("--beam", type=int, default=5)
    p.add_argument("--lenpen", type=float, default=1.0, help="length penalty: <1.0 favors shorter, >1.0 favors longer sentences")
    p.add_argument("--save-dir", default="checkpoints")
    add_model_args(p)
    add_optim_args(p)
    return p


class MT(nn.Module):
    def __init__(self, vs, vt, a):
        super().__init__()
        d, layers, heads = ARCHS[a.arch]
        self.src = nn.Embedding(vs, d)
        self.tgt = self.src if a.share_all_embeddings else nn.Embedding(vt, d)
        self.pos = nn.Embedding(1024, d) if a.pos_emb else None
        self.tf = nn.Transformer(d, heads, a.encoder_layers or layers, a.decoder_layers or layers, 4 * d, a.dropout, batch_first=True, norm_first=a.norm == "pre")
        self.out = nn.Linear(d, vt, bias=False)
        if a.share_all_embeddings:
            self.out.weight = self.src.weight

    def emb(self, e, x):
        h = e(x) * math.sqrt(e.embedding_dim)
        return h + self.pos(torch.arange(x.size(1), device=x.device)) if self.pos is not None else h

    def forward(self, s, t):
        m = nn.Transformer.generate_square_subsequent_mask(t.size(1), device=t.device)
        return self.out(self.tf(self.emb(self.src, s), self.emb(self.tgt, t), tgt_mask=m))


def lr_at(a, n):
    if n < a.warmup_updates:
        return a.lr * n / a.warmup_updates
    if a.lr_scheduler == "inverse_sqrt":
        return a.lr * math.sqrt(max(1, a.warmup_updates) / n)
    if a.lr_scheduler == "cosine":
        return 0.5 * a.lr * (1 + math.cos(math.pi * n / a.max_update))
    return a.lr


def main():
    a = get_parser().parse_args()
    torch.manual_seed(a.seed)
    from nmt_data import Corpus
    from nmt_eval import bleu
    corpus = Corpus(a.data, a.source_lang, a.target_lang, a.max_len, a.bpe_dropout)
    net = MT(corpus.vs, corpus.vt, a).cuda()
    opt = torch.optim.AdamW(net.parameters(), a.lr, betas=a.adam_betas, weight_decay=a.weight_decay)
    t0, best, bad = time.time(), 1e9, 0
    for n, (s, t) in enumerate(corpus.batches("train", a.max_tokens), 1):
        with torch.autocast("cuda", enabled=a.fp16):
            loss = F.cross_entropy(net(s, t[:, :-1]).flatten(0, 1), t[:, 1:].flatten(), label_smoothing=a.label_smoothing)
        (loss / a.update_freq).backward()
        if n % a.update_freq == 0:
            if a.clip_norm:
                nn.utils.clip_grad_norm_(net.parameters(), a.clip_norm)
            for g in opt.param_groups:
                g["lr"] = lr_at(a, n // a.update_freq)
            opt.step(); opt.zero_grad()
        if n % a.valid_every == 0:
            v, b = bleu(net, corpus, a.beam, a.lenpen)
            print(f"| update {n} | train_loss {loss.item():.3f} | valid_loss {v:.3f} | valid_bleu {b:.2f}")
            bad = 0 if v < best else bad + 1
            best = min(best, v)
            if 0 < a.patience <= bad:
                break
        if n // a.update_freq >= a.max_update or 0 < a.max_hours * 3600 < time.time() - t0:
            break
    torch.save(net.state_dict(), f"{a.save_dir}/last.pt")


if __name__ == "__main__":
    main()
