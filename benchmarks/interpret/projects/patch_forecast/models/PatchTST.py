import torch
from torch import nn


class Model(nn.Module):
    def __init__(self, configs):
        super().__init__()
        self.patch_len, self.stride, self.revin = configs.patch_len, configs.stride, configs.revin
        n = (configs.seq_len - configs.patch_len) // configs.stride + 1
        self.embed = nn.Linear(configs.patch_len, configs.d_model)
        layer = nn.TransformerEncoderLayer(configs.d_model, configs.n_heads, configs.d_ff, configs.dropout, configs.activation, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, configs.e_layers)
        self.individual = configs.individual
        heads = 7 if configs.individual else 1
        self.head = nn.ModuleList(nn.Sequential(nn.Flatten(-2), nn.Linear(n * configs.d_model, configs.pred_len), nn.Dropout(configs.fc_dropout)) for _ in range(heads))

    def forward(self, x):
        if self.revin:
            mu, sd = x.mean(1, keepdim=True), x.std(1, keepdim=True) + 1e-5
            x = (x - mu) / sd
        b, _, c = x.shape
        p = x.permute(0, 2, 1).unfold(-1, self.patch_len, self.stride)
        h = self.encoder(self.embed(p).flatten(0, 1)).view(b, c, p.shape[2], -1)
        y = torch.stack([self.head[i if self.individual else 0](h[:, i]) for i in range(c)], -1)
        return y * sd + mu if self.revin else y
