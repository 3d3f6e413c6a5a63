import os

import numpy as np
import torch
import torch.nn as nn
import torchaudio

ENV = os.environ


def flag(name, default):
    return ENV.get(name, "1" if default else "0").lower() in ("1", "true", "yes")


# model
ARCH = os.environ.get("ARCH", "dscnn")            # dscnn | bcresnet | fc
WIDTH = int(os.environ.get("WIDTH", "64"))        # channels
BLOCKS = int(os.environ.get("BLOCKS", "4"))
QAT = os.environ.get("QAT", "0") == "1"           # quantization-aware training, int8
PRUNE = float(os.environ.get("PRUNE", "0.0"))     # share of weights set to zero
# features
N_MFCC = int(os.environ.get("N_MFCC", "10"))
WIN_MS = float(os.environ.get("WIN_MS", "40"))
HOP_MS = float(os.environ.get("HOP_MS", "20"))
# augmentation
BG_NOISE_PROB = float(os.environ.get("BG_NOISE_PROB", "0.8"))
BG_NOISE_VOL = float(os.environ.get("BG_NOISE_VOL", "0.1"))
TIME_SHIFT_MS = int(os.environ.get("TIME_SHIFT_MS", "100"))
SPECAUG = os.environ.get("SPECAUG", "0") == "1"
# training
EPOCHS = int(os.environ.get("EPOCHS", "60"))
BATCH = int(os.environ.get("BATCH", "100"))
LR = float(os.environ.get("LR", "0.0005"))
WD = float(os.environ.get("WD", "0.0"))
SCHED = os.environ.get("SCHED", "step")           # step | cosine
UNKNOWN_PCT = float(os.environ.get("UNKNOWN_PCT", "10"))
SILENCE_PCT = float(os.environ.get("SILENCE_PCT", "10"))
WORDS = os.environ.get("WORDS", "yes,no,up,down,left,right,on,off,stop,go").split(",")
SEED = int(os.environ.get("SEED", "59185"))

SAMPLE_RATE = 16000
CLIP_MS = 1000


class DSBlock(nn.Sequential):
    def __init__(self, c):
        super().__init__(nn.Conv2d(c, c, 3, padding=1, groups=c, bias=False), nn.BatchNorm2d(c), nn.ReLU(),
                         nn.Conv2d(c, c, 1, bias=False), nn.BatchNorm2d(c), nn.ReLU())


class DSCNN(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, WIDTH, (10, 4), 2, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU())
        self.blocks = nn.Sequential(*[DSBlock(WIDTH) for _ in range(BLOCKS)])
        self.fc = nn.Linear(WIDTH, classes)

    def forward(self, x):
        return self.fc(self.blocks(self.stem(x)).mean((2, 3)))


def build(classes):
    if ARCH == "dscnn":
        return DSCNN(classes)
    if ARCH == "fc":
        return nn.Sequential(nn.Flatten(), nn.LazyLinear(WIDTH), nn.ReLU(), nn.Linear(WIDTH, classes))
    from bcresnet import BCResNet
    return BCResNet(WIDTH, BLOCKS, classes)


def augment(w, noise, rng):
    s = int(rng.integers(-TIME_SHIFT_MS, TIME_SHIFT_MS + 1) * SAMPLE_RATE / 1000) if TIME_SHIFT_MS else 0
    w = torch.roll(w, s, -1)
    if rng.random() < BG_NOISE_PROB:
        w = w + BG_NOISE_VOL * rng.random() * noise[rng.integers(len(noise))]
    return w


def main():
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    from speech_commands import load_split, background
    mfcc = torchaudio.transforms.MFCC(SAMPLE_RATE, N_MFCC, melkwargs=dict(n_fft=1024, win_length=int(WIN_MS * 16), hop_length=int(HOP_MS * 16)))
    tr = load_split("train", WORDS, UNKNOWN_PCT, SILENCE_PCT, rng)
    va = load_split("validation", WORDS, UNKNOWN_PCT, SILENCE_PCT, rng)
    noise = background()
    net = build(len(WORDS) + 2)
    if QAT:
        net.qconfig = torch.ao.quantization.get_default_qat_qconfig("qnnpack")
        torch.ao.quantization.prepare_qat(net, inplace=True)
    opt = torch.optim.Adam(net.parameters(), LR, weight_decay=WD)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS) if SCHED == "cosine" else torch.optim.lr_scheduler.StepLR(opt, 20, 0.2)
    for epoch in range(EPOCHS):
        net.train()
        for w, y in torch.utils.data.DataLoader(tr, BATCH, shuffle=True):
            f = mfcc(augment(w, noise, rng))
            if SPECAUG:
                f = torchaudio.transforms.TimeMasking(10)(f)
            loss = nn.functional.cross_entropy(net(f[:, None]), y)
            opt.zero_grad(); loss.backward(); opt.step()
        if PRUNE:
            for p in net.parameters():
                if p.ndim > 1:
                    p.data[p.abs() < p.abs().flatten().quantile(PRUNE)] = 0
        sched.step()
        net.eval()
        with torch.no_grad():
            acc = np.mean([(net(mfcc(w)[:, None]).argmax(1) == y).float().mean().item() for w, y in torch.utils.data.DataLoader(va, 200)])
        print(f"epoch {epoch}: train_loss {loss.item():.4f} val_accuracy {acc:.4f}")
    print("params", sum(p.numel() for p in net.parameters()))


if __name__ == "__main__":
    main()
