"""python kws.py kws.gin --p "train.learning_rate=1e-3" """
import argparse
import dataclasses
import random

import gin
import torch
import torchaudio
from torch import nn


@gin.configurable
@dataclasses.dataclass
class Features:
    sample_rate: int = 16000
    frame_ms: int = 30
    hop_ms: int = 10
    n_mfcc: int = 40

    def __call__(self, wave):
        k = self.sample_rate // 1000
        mel = {"n_fft": k * self.frame_ms, "hop_length": k * self.hop_ms}
        return torchaudio.transforms.MFCC(self.sample_rate, self.n_mfcc, melkwargs=mel)(wave)


@gin.configurable
@dataclasses.dataclass
class Augment:
    shift_ms: int = 100
    noise_prob: float = 0.8
    noise_volume: float = 0.1
    spec_masks: int = 0

    def __call__(self, wave):
        if random.random() < self.noise_prob:
            wave = wave + self.noise_volume * torch.randn_like(wave)
        return torch.roll(wave, random.randint(-self.shift_ms, self.shift_ms) * 16, -1)


@gin.configurable
class DSCNN(nn.Module):
    def __init__(self, classes, blocks=4, channels=64, dropout=0.2):
        super().__init__()
        body = [nn.Conv2d(1, channels, (10, 4), (2, 2))]
        for _ in range(blocks):
            body += [nn.Conv2d(channels, channels, 3, padding=1, groups=channels), nn.Conv2d(channels, channels, 1), nn.ReLU()]
        self.body = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels, classes))

    def forward(self, x):
        return self.body(x)


@gin.configurable
def train(keywords, data_root, optimizer, learning_rate, lr_drop_epochs, lr_drop_by, num_epochs, batch_size, l2,
          quantize_aware, qat_start_epoch, teacher, kd_weight, kd_temperature, seed, export_to):
    torch.manual_seed(seed)
    features, augment = Features(), Augment()
    net = DSCNN(len(keywords) + 2)
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop}[optimizer]
    opt = kind(net.parameters(), lr=learning_rate, weight_decay=l2)
    drops = torch.optim.lr_scheduler.MultiStepLR(opt, lr_drop_epochs, 1 / lr_drop_by)
    guide = torch.load(teacher) if teacher else None
    for epoch in range(num_epochs):
        if quantize_aware and epoch == qat_start_epoch:
            net = torch.ao.quantization.prepare_qat(net)
        wave = torch.randn(batch_size, 1, 16000)
        logits = net(features(augment(wave)))
        loss = nn.functional.cross_entropy(logits, torch.zeros(batch_size, dtype=torch.long))
        if guide is not None:
            soft = (guide(features(wave)) / kd_temperature).softmax(-1)
            loss = (1 - kd_weight) * loss + kd_weight * nn.functional.kl_div((logits / kd_temperature).log_softmax(-1), soft)
        opt.zero_grad()
        loss.backward()
        opt.step()
        drops.step()
        print(f"epoch {epoch}: loss {loss.item():.4f} val_acc {0.0:.4f} false_alarms_per_h {0.0:.2f}")
    torch.onnx.export(net, features(wave), export_to)


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("config", default="kws.gin", nargs="?")
    ap.add_argument("--p", action="append", default=[])
    a = ap.parse_args()
    gin.parse_config_files_and_bindings([a.config], a.p)
    train()
