import argparse
import torch, torchvision as tv
from mmcv import Config, DictAction
from torchvision.models.detection import RetinaNet
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

ap = argparse.ArgumentParser()
ap.add_argument('config')
ap.add_argument('--work-dir', default='work_dirs')
ap.add_argument('--seed', type=int, default=None)
ap.add_argument('--cfg-options', nargs='+', action=DictAction)
args = ap.parse_args()
cfg = Config.fromfile(args.config)
if args.cfg_options:
    cfg.merge_from_dict(args.cfg_options)
if args.seed is not None:
    torch.manual_seed(args.seed)
m, tr = cfg.model, cfg.data.train
bb = resnet_fpn_backbone(backbone_name=f'resnet{m.backbone.depth}', weights='DEFAULT', trainable_layers=5 - m.backbone.frozen_stages)
net = RetinaNet(bb, m.head.num_classes, min_size=tr.img_scale[1], max_size=tr.img_scale[0],
                score_thresh=m.test_cfg.score_thr, nms_thresh=m.test_cfg.nms_thr).cuda()
if cfg.load_from:
    net.load_state_dict(torch.load(cfg.load_from))
ds = tv.datasets.wrap_dataset_for_transforms_v2(tv.datasets.VOCDetection(tr.root, year=tr.year, transforms=tv.transforms.v2.Compose(
    [tv.transforms.v2.ToImage(), tv.transforms.v2.RandomHorizontalFlip(tr.flip_ratio), tv.transforms.v2.ToDtype(torch.float32, scale=True)])))
dl = torch.utils.data.DataLoader(ds, cfg.data.samples_per_gpu, True, num_workers=cfg.data.workers_per_gpu, collate_fn=lambda b: list(zip(*b)))
o = dict(cfg.optimizer)
opt = getattr(torch.optim, o.pop('type'))(net.parameters(), **o)
it = 0
for ep in range(cfg.total_epochs):
    for x, t in dl:
        f = min(1, (it + 1) / cfg.lr_config.warmup_iters) * 0.1 ** sum(ep >= s for s in cfg.lr_config.step)
        opt.param_groups[0]['lr'] = cfg.optimizer.lr * f
        loss = sum(net([i.cuda() for i in x], [{k: v.cuda() for k, v in d.items()} for d in t]).values())
        opt.zero_grad(); loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), **cfg.optimizer_config.grad_clip); opt.step(); it += 1
    torch.save(net.state_dict(), f'{args.work_dir}/epoch_{ep + 1}.pth')
