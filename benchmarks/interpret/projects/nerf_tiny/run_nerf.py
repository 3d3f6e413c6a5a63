import os
import time

import numpy as np
import torch
import torch.nn.functional as F

from run_nerf_helpers import NeRF, get_embedder, sample_pdf


def config_parser():
    import configargparse
    parser = configargparse.ArgumentParser()
    parser.add_argument('--config', is_config_file=True, help='config file path')
    parser.add_argument("--expname", type=str, help='experiment name')
    parser.add_argument("--basedir", type=str, default='./logs/', help='where to store ckpts and logs')
    parser.add_argument("--datadir", type=str, default='./data/llff/fern', help='input data directory')

    # training options
    parser.add_argument("--netdepth", type=int, default=8, help='layers in network')
    parser.add_argument("--netwidth", type=int, default=256, help='channels per layer')
    parser.add_argument("--netdepth_fine", type=int, default=8, help='layers in fine network')
    parser.add_argument("--netwidth_fine", type=int, default=256, help='channels per layer in fine network')
    parser.add_argument("--N_rand", type=int, default=32 * 32 * 4, help='batch size (number of random rays per gradient step)')
    parser.add_argument("--lrate", type=float, default=5e-4, help='learning rate')
    parser.add_argument("--lrate_decay", type=int, default=250, help='exponential learning rate decay (in 1000 steps)')
    parser.add_argument("--N_iters", type=int, default=200000, help='number of training iterations')
    parser.add_argument("--chunk", type=int, default=1024 * 32, help='number of rays processed in parallel, decrease if running out of memory')
    parser.add_argument("--no_batching", action='store_true', help='only take random rays from 1 image at a time')
    parser.add_argument("--no_reload", action='store_true', help='do not reload weights from saved ckpt')
    parser.add_argument("--seed", type=int, default=0)

    # rendering options
    parser.add_argument("--N_samples", type=int, default=64, help='number of coarse samples per ray')
    parser.add_argument("--N_importance", type=int, default=0, help='number of additional fine samples per ray')
    parser.add_argument("--perturb", type=float, default=1., help='set to 0. for no jitter, 1. for jitter')
    parser.add_argument("--use_viewdirs", action='store_true', help='use full 5D input instead of 3D')
    parser.add_argument("--i_embed", type=int, default=0, help='set 0 for default positional encoding, -1 for none')
    parser.add_argument("--multires", type=int, default=10, help='log2 of max freq for positional encoding (3D location)')
    parser.add_argument("--multires_views", type=int, default=4, help='log2 of max freq for positional encoding (2D direction)')
    parser.add_argument("--raw_noise_std", type=float, default=0., help='std dev of noise added to regularize sigma_a output, 1e0 recommended')

    # dataset options
    parser.add_argument("--dataset_type", type=str, default='llff', help='options: llff / blender / deepvoxels')
    parser.add_argument("--testskip", type=int, default=8, help='will load 1/N images from test/val sets')
    parser.add_argument("--white_bkgd", action='store_true', help='render synthetic data on a white bkgd')
    parser.add_argument("--half_res", action='store_true', help='load blender synthetic data at 400x400 instead of 800x800')
    parser.add_argument("--factor", type=int, default=8, help='downsample factor for LLFF images')
    parser.add_argument("--no_ndc", action='store_true', help='do not use normalized device coordinates (set for non-forward facing scenes)')

    # logging
    parser.add_argument("--i_print", type=int, default=100, help='frequency of console printout and metric loggin')
    parser.add_argument("--i_weights", type=int, default=10000, help='frequency of weight ckpt saving')
    parser.add_argument("--i_testset", type=int, default=50000, help='frequency of testset saving')
    return parser


def train():
    args = config_parser().parse_args()
    torch.manual_seed(args.seed); np.random.seed(args.seed)
    from load_data import load
    images, poses, hwf, i_split, near, far = load(args)
    embed_fn, in_ch = get_embedder(args.multires, args.i_embed)
    dirs_fn, in_dir = get_embedder(args.multires_views, args.i_embed) if args.use_viewdirs else (None, 0)
    coarse = NeRF(args.netdepth, args.netwidth, in_ch, in_dir)
    fine = NeRF(args.netdepth_fine, args.netwidth_fine, in_ch, in_dir) if args.N_importance > 0 else None
    params = list(coarse.parameters()) + (list(fine.parameters()) if fine else [])
    optimizer = torch.optim.Adam(params=params, lr=args.lrate, betas=(0.9, 0.999))
    ckpt = os.path.join(args.basedir, args.expname, 'latest.tar')
    if os.path.exists(ckpt) and not args.no_reload:
        coarse.load_state_dict(torch.load(ckpt)['coarse'])
    for i in range(args.N_iters + 1):
        t0 = time.time()
        rays, target = sample_rays(images, poses, hwf, args.N_rand, single=args.no_batching)
        rgb, extras = render(rays, coarse, fine, embed_fn, dirs_fn, args, near, far)
        loss = F.mse_loss(rgb, target)
        if 'rgb0' in extras:
            loss = loss + F.mse_loss(extras['rgb0'], target)
        psnr = -10. * torch.log10(F.mse_loss(rgb, target))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for g in optimizer.param_groups:
            g['lr'] = args.lrate * (0.1 ** (i / (args.lrate_decay * 1000)))
        if i % args.i_print == 0:
            print(f"[TRAIN] Iter: {i} Loss: {loss.item()}  PSNR: {psnr.item()} ({time.time() - t0:.2f}s)")
        if i % args.i_testset == 0 and i > 0:
            evaluate(args, coarse, fine, i)


def sample_rays(images, poses, hwf, n, single):
    H, W, focal = hwf
    i = torch.randint(len(images), (1 if single else n,))
    v, u = torch.randint(H, (n,)), torch.randint(W, (n,))
    d = torch.stack([(u - W / 2) / focal, -(v - H / 2) / focal, -torch.ones(n)], -1)
    o = poses[i][:, :3, 3].expand(n, 3)
    return (o, (poses[i][:, :3, :3] @ d[..., None]).squeeze(-1)), images[i.expand(n), v, u]


def composite(raw, z, args):
    sigma = F.relu(raw[..., 3] + args.raw_noise_std * torch.randn_like(raw[..., 3]))
    alpha = 1 - torch.exp(-sigma * F.pad(z[:, 1:] - z[:, :-1], (0, 1), value=1e10))
    w = alpha * torch.cumprod(F.pad(1 - alpha + 1e-10, (1, 0), value=1.0), -1)[:, :-1]
    rgb = (w[..., None] * raw[..., :3].sigmoid()).sum(1)
    return (rgb + 1 - w.sum(-1, keepdim=True) if args.white_bkgd else rgb), w


def render(rays, coarse, fine, embed_fn, dirs_fn, args, near, far):
    out, extras = [], {}
    for o, d in zip(rays[0].split(args.chunk), rays[1].split(args.chunk)):
        z = torch.linspace(near, far, args.N_samples).expand(len(o), -1)
        if args.perturb > 0.:
            z = z + args.perturb * torch.rand_like(z) * (far - near) / args.N_samples
        raw = coarse(embed_fn(o[:, None] + d[:, None] * z[..., None]))
        rgb, w = composite(raw, z, args)
        if fine is not None:
            extras['rgb0'] = rgb
            z2 = torch.sort(torch.cat([z, sample_pdf(z, w, args.N_importance)], -1), -1)[0]
            rgb, _ = composite(fine(embed_fn(o[:, None] + d[:, None] * z2[..., None])), z2, args)
        out.append(rgb)
    return torch.cat(out), extras


def evaluate(args, coarse, fine, i):
    os.makedirs(os.path.join(args.basedir, args.expname, f'testset_{i:06d}'), exist_ok=True)


if __name__ == '__main__':
    train()
