import argparse

import torch

parser = argparse.ArgumentParser(description="CTC speech recognition.")
parser.add_argument("--encoder", choices=["conformer", "transformer", "lstm"], default="conformer")
parser.add_argument("--num-encoder-layers", type=int, default=12)
parser.add_argument("--attention-dim", type=int, default=256)
parser.add_argument("--attention-heads", type=int, default=4)
parser.add_argument("--optimizer", choices=["adam", "adamw", "sgd"], default="adam")
parser.add_argument("--peak-lr", type=float, default=2e-3)
parser.add_argument("--lr-schedule", choices=["noam", "cosine", "constant"], default="noam")
parser.add_argument("--warmup-steps", type=int, default=10000)
parser.add_argument("--batch-size", type=int, default=16)
parser.add_argument("--accum-grad", type=int, default=4)
parser.add_argument("--max-epochs", type=int, default=50)
parser.add_argument("--dropout", type=float, default=0.1)
parser.add_argument("--spec-augment", action=argparse.BooleanOptionalAction, default=True)
parser.add_argument("--time-masks", type=int, default=2)
parser.add_argument("--freq-masks", type=int, default=2)
parser.add_argument("--speed-perturb", action="store_true")
parser.add_argument("--no-amp", action="store_true")
parser.add_argument("--beam-size", type=int, default=10)
parser.add_argument("--lm-weight", type=float, default=0.3)
parser.add_argument("--clip-grad-norm", type=float, default=5.0)
parser.add_argument("--weight-decay", type=float, default=1e-6)
parser.add_argument("--seed", type=int, default=777)


def main():
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    model = torch.nn.Linear(80, 32)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.peak_lr)
    for epoch in range(args.max_epochs):
        loss = model(torch.randn(args.batch_size, 80)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"epoch {epoch} train_loss: {loss.item():.4f} dev_wer: {loss.item():.4f} dev_loss: {loss.item():.4f}")


if __name__ == "__main__":
    main()
