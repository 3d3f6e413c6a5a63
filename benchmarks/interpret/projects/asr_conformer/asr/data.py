import random

import torchaudio


def spec_augment(feats, c):
    if not c.enabled:
        return feats
    t, f = feats.shape
    for _ in range(c.freq_masks):
        w = random.randint(0, c.freq_width)
        lo = random.randint(0, max(0, f - w))
        feats[:, lo:lo + w] = 0
    for _ in range(c.time_masks):
        w = random.randint(0, int(c.time_width * t))
        lo = random.randint(0, max(0, t - w))
        feats[lo:lo + w] = 0
    return feats


class Utterances:
    def __init__(self, d, subsets, specaug=None):
        self.items = [u for s in subsets for u in scan(d.root, s) if u.seconds <= d.max_seconds]
        self.mel = torchaudio.transforms.MelSpectrogram(d.sample_rate, n_mels=d.n_mels)
        self.speeds = [0.9, 1.0, 1.1] if d.speed_perturb and specaug else [1.0]
        self.specaug = specaug

    def features(self, u):
        wav, sr = torchaudio.load(u.path)
        wav = torchaudio.functional.speed(wav, sr, random.choice(self.speeds))[0]
        x = self.mel(wav)[0].T.log1p()
        return spec_augment(x, self.specaug) if self.specaug else x


def scan(root, subset):
    raise NotImplementedError


def make_loaders(d, specaug):
    from .tokenizer import train_or_load
    from .batching import by_duration
    tok = train_or_load(d.root, d.vocab)
    tr, va = Utterances(d, d.train, specaug), Utterances(d, [d.valid])
    return by_duration(tr, d.batch_seconds, d.workers), by_duration(va, d.batch_seconds, d.workers), tok
