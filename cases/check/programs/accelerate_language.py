"""A causal model of transformers, made small, trained with accelerate."""

import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader, TensorDataset
from transformers import GPT2Config, GPT2LMHeadModel, set_seed

PAD = 0


def make_rows(count):
    rows = []
    for _ in range(count):
        length = int(torch.randint(6, 12, (1,)))
        start = int(torch.randint(1, 10, (1,)))
        ids = [(start + i) % 30 + 1 for i in range(length)]
        rows.append(ids + [PAD] * (12 - length))
    return torch.tensor(rows)


def main():
    set_seed(0)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    config = GPT2Config(vocab_size=32, n_positions=12, n_embd=32, n_layer=1, n_head=2)
    model = GPT2LMHeadModel(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    loader = DataLoader(TensorDataset(make_rows(128)), batch_size=16, shuffle=True)
    val_loader = DataLoader(TensorDataset(make_rows(32)), batch_size=16)
    model, optimizer, loader, val_loader = accelerator.prepare(model, optimizer, loader, val_loader)
    for epoch in range(2):
        model.train()
        for (ids,) in loader:
            with accelerator.accumulate(model):
                mask = (ids != PAD).long()
                labels = ids.clone()
                labels[ids == PAD] = -100
                loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
        model.eval()
        losses = []
        with torch.no_grad():
            for (ids,) in val_loader:
                labels = ids.clone()
                labels[ids == PAD] = -100
                losses.append(model(input_ids=ids, labels=labels).loss.item())
        print(epoch, loss.item(), losses)


if __name__ == "__main__":
    main()
