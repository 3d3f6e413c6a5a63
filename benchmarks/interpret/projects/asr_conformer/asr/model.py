import torch.nn as nn


class ConvModule(nn.Module):
    def __init__(self, d, k):
        super().__init__()
        self.dw = nn.Conv1d(d, d, k, padding=k // 2, groups=d)
        self.pw = nn.Conv1d(d, d, 1)

    def forward(self, x):
        return x + self.pw(self.dw(x.transpose(1, 2))).transpose(1, 2)


def build_model(m, n_mels, vocab):
    layers = [nn.Linear(n_mels * m.subsample, m.d_model)]
    for _ in range(m.layers):
        layers.append(nn.TransformerEncoderLayer(m.d_model, m.heads, m.d_model * m.ff_mult, m.dropout, batch_first=True))
        if m.kernel and m.name == "conformer":
            layers.append(ConvModule(m.d_model, m.kernel))
    return nn.Sequential(*layers, nn.Linear(m.d_model, vocab))
