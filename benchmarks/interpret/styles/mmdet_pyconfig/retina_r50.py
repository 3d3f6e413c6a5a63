num_classes = 20
model = dict(
    type='RetinaNet',
    backbone=dict(depth=50, frozen_stages=1),
    head=dict(
        alpha=0.25,
        gamma=2.0,
        num_classes=num_classes),
    test_cfg=dict(score_thr=0.05, nms_thr=0.5))
data_root = 'data/VOCdevkit/'
data = dict(
    samples_per_gpu=2,
    workers_per_gpu=2,
    train=dict(root=data_root, year='2007', img_scale=(1000, 600), flip_ratio=0.5))
optimizer = dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0001)
optimizer_config = dict(grad_clip=dict(max_norm=35, norm_type=2))
lr_config = dict(policy='step', warmup_iters=500, step=[8, 11])
total_epochs = 12
load_from = None
