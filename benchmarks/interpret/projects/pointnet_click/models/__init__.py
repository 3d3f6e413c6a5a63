import torch
import torch.nn as nn


class PointNet(nn.Module):
    def __init__(self, nc, ch, emb, p):
        super().__init__()
        self.f = nn.Sequential(nn.Conv1d(ch, 64, 1), nn.ReLU(), nn.Conv1d(64, 128, 1), nn.ReLU(), nn.Conv1d(128, emb, 1))
        self.h = nn.Sequential(nn.Linear(emb, 256), nn.ReLU(), nn.Dropout(p), nn.Linear(256, nc))

    def forward(self, x):
        return torch.log_softmax(self.h(self.f(x).max(-1)[0]), -1)


def get_model(arch, nc, normal_channel=False, k=20, emb_dims=1024, dropout=0.4):
    if arch == "pointnet":
        return PointNet(nc, 6 if normal_channel else 3, emb_dims, dropout)
    import importlib
    return importlib.import_module(f"models.{arch}").build(nc, normal_channel, k, emb_dims, dropout)
