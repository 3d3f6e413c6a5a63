"""PointNet / PointNet++ / DGCNN on ModelNet40 and ShapeNetPart."""
import logging
import os

import click
import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader

import provider
from models import get_model
from modelnet import ModelNetDataset

log = logging.getLogger("pointnet")


@click.group()
def cli():
    logging.basicConfig(level=logging.INFO)


@cli.command()
@click.option("--model", "arch", default="pointnet2_ssg", type=click.Choice(["pointnet", "pointnet2_ssg", "pointnet2_msg", "dgcnn"]), help="architecture")
@click.option("--num-category", default=40, type=click.Choice(["10", "40"]), help="training on ModelNet10/40")
@click.option("--num-point", default=1024, type=int, help="Point Number")
@click.option("--use-normals", is_flag=True, default=False, help="use normals")
@click.option("--use-uniform-sample", is_flag=True, default=False, help="farthest point sampling instead of the first N")
@click.option("--epoch", "epochs", default=200, type=int, help="number of epoch in training")
@click.option("--batch-size", default=24, type=int)
@click.option("--learning-rate", default=0.001, type=float)
@click.option("--optimizer", default="Adam", type=click.Choice(["Adam", "SGD"], case_sensitive=False))
@click.option("--decay-rate", default=1e-4, type=float, help="weight decay")
@click.option("--step-size", default=20, type=int, help="epochs between lr drops")
@click.option("--lr-gamma", default=0.7, type=float, help="factor of a lr drop")
@click.option("--k", default=20, help="neighbours in the DGCNN graph")
@click.option("--emb-dims", default=1024, help="global feature size")
@click.option("--dropout", default=0.4, show_default=True)
@click.option("--rotate/--no-rotate", default=False, help="random rotation around the up axis")
@click.option("--jitter/--no-jitter", default=True, help="gaussian noise on coordinates")
@click.option("--scale", nargs=2, type=float, default=(0.8, 1.25), help="range of random scaling")
@click.option("--point-dropout", default=0.875, help="max ratio of points dropped at random")
@click.option("--num-votes", default=3, help="Aggregate classification scores with voting")
@click.option("--gpu", default="0")
@click.option("--seed", type=int, default=0)
@click.option("--log-dir", type=click.Path(), default=None, envvar="POINTNET_LOG")
def train(arch, num_category, num_point, use_normals, use_uniform_sample, epochs, batch_size, learning_rate, optimizer,
          decay_rate, step_size, lr_gamma, k, emb_dims, dropout, rotate, jitter, scale, point_dropout, num_votes, gpu, seed, log_dir):
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    torch.manual_seed(seed)
    np.random.seed(seed)
    nc = int(num_category)
    mk = lambda split: ModelNetDataset("data/modelnet40_normal_resampled", split, nc, num_point, use_normals, use_uniform_sample)
    tr = DataLoader(mk("train"), batch_size, shuffle=True, num_workers=10, drop_last=True)
    te = DataLoader(mk("test"), batch_size, num_workers=10)
    net = get_model(arch, nc, normal_channel=use_normals, k=k, emb_dims=emb_dims, dropout=dropout).cuda()
    if optimizer.lower() == "adam":
        opt = torch.optim.Adam(net.parameters(), learning_rate, weight_decay=decay_rate)
    else:
        opt = torch.optim.SGD(net.parameters(), learning_rate, momentum=0.9, weight_decay=decay_rate)
    sched = torch.optim.lr_scheduler.StepLR(opt, step_size, lr_gamma)
    best = 0
    for epoch in range(epochs):
        net.train()
        for pts, y in tr:
            pts = provider.random_point_dropout(pts.numpy(), point_dropout)
            pts[:, :, :3] = provider.random_scale(pts[:, :, :3], *scale)
            if rotate:
                pts[:, :, :3] = provider.rotate(pts[:, :, :3])
            if jitter:
                pts[:, :, :3] = provider.jitter(pts[:, :, :3])
            out = net(torch.tensor(pts).transpose(2, 1).cuda())
            loss = F.nll_loss(out, y.cuda().long())
            opt.zero_grad(); loss.backward(); opt.step()
        sched.step()
        inst, cls = test(net, te, nc, num_votes)
        best = max(best, inst)
        log.info("epoch %d Test Instance Accuracy: %f, Class Accuracy: %f (best %f)", epoch, inst, cls, best)
        print(f"instance_acc={inst:.4f} class_acc={cls:.4f}")


def test(net, loader, nc, votes):
    net.eval()
    hit = np.zeros((nc, 2))
    with torch.no_grad():
        for pts, y in loader:
            pool = sum(net(pts[:, torch.randperm(pts.shape[1])].transpose(2, 1).cuda()) for _ in range(votes))
            p = pool.argmax(1).cpu()
            for c in range(nc):
                hit[c] += [(p[y == c] == c).sum(), (y == c).sum()]
    return hit[:, 0].sum() / hit[:, 1].sum(), np.mean(hit[:, 0] / np.maximum(hit[:, 1], 1))


if __name__ == "__main__":
    cli()
