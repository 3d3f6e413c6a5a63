"""Keyword spotting on Speech Commands."""
import argparse
import torch
import torchaudio
from torch import nn


def get_args():
    p = argparse.ArgumentParser()
    p.add_argument("--data", default="data/speech_commands", help="folder with the wav files")
    p.add_argument("--model", choices=["m5", "bcresnet", "matchbox"], default="m5")
    p.add_argument("--sample-rate", type=int, default=16000)
    p.add_argument("--n-mels", type=int, default=40, help="mel bins")
    p.add_argument("--hop", type=int, default=160, help="hop length of the STFT")
    p.add_argument("--channels", type=int, default=32)
    p.add_argument("--epochs", type=int, default=30)
    p.add_argument("--batch-size", type=int, default=256)
    p.add_argument("--lr", type=float, default=1e-3)
    p.add_argument("--wd", type=float, default=1e-4)
    p.add_argument("--dropout", type=float, default=0.1)
    p.add_argument("--spec-augment", action="store_true", help="mask time and frequency")
    p.add_argument("--time-mask", type=int, default=25)
    p.add_argument("--freq-mask", type=int, default=8)
    p.add_argument("--noise-prob", type=float, default=0.8, help="probability of background noise")
    p.add_argument("--scheduler", choices=["none", "cosine", "step"], default="cosine")
    p.add_argument("--warmup-epochs", type=int, default=2)
    p.add_argument("--workers", type=int, default=4)
    p.add_argument("--amp", action="store_true")
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args()


def main():
    args = get_args()
    torch.manual_seed(args.seed)
    mel = torchaudio.transforms.MelSpectrogram(args.sample_rate, n_mels=args.n_mels, hop_length=args.hop)
    net = nn.Sequential(nn.Conv1d(args.n_mels, args.channels, 3), nn.ReLU(), nn.Dropout(args.dropout), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(args.channels, 35))
    opt = torch.optim.AdamW(net.parameters(), lr=args.lr, weight_decay=args.wd)
    ds = torchaudio.datasets.SPEECHCOMMANDS(args.data)
    loader = torch.utils.data.DataLoader(ds, args.batch_size, shuffle=True, num_workers=args.workers)
    for epoch in range(args.epochs):
        for wav, _, label, *_ in loader:
            loss = nn.functional.cross_entropy(net(mel(wav).squeeze(1)), label)
            opt.zero_grad(); loss.backward(); opt.step()
        print(f"epoch {epoch} loss {loss.item():.4f} val_acc {0:.4f}")


if __name__ == "__main__":
    main()
