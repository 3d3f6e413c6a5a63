import torch
from torch import nn


class ConvSubsample(nn.Module):
    def __init__(self, n_mels, width):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(n_mels, width, 5, stride=2, padding=2), nn.GELU(),
            nn.Conv1d(width, width, 5, stride=2, padding=2), nn.GELU(),
        )

    def forward(self, x):
        return self.net(x).transpose(1, 2)


class CTCNet(nn.Module):
    def __init__(self, n_mels, enc_width, enc_layers, enc_dropout, n_tokens, head_dropout):
        super().__init__()
        self.front = ConvSubsample(n_mels, enc_width)
        layer = nn.TransformerEncoderLayer(enc_width, 4, 4 * enc_width, enc_dropout, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, enc_layers)
        self.head = nn.Sequential(nn.Dropout(head_dropout), nn.Linear(enc_width, n_tokens))

    def forward(self, mel):
        return self.head(self.encoder(self.front(mel))).log_softmax(-1)
