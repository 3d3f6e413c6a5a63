from types import SimpleNamespace

cfg = SimpleNamespace(**{})
cfg.exp = "effnet_b0_baseline"
cfg.backbone = "tf_efficientnet_b0"
cfg.img_size = 256
cfg.n_folds = 5
cfg.fold = 0
cfg.epochs = 15
cfg.bs = 32
cfg.lr = 1e-3
cfg.min_lr = 1e-6
cfg.warmup = 1
cfg.wd = 1e-2
cfg.drop_rate = 0.2
cfg.drop_path_rate = 0.2
cfg.loss = "bce"
cfg.use_amp = True
cfg.ema = 0.999
cfg.mixup_p = 0.5
cfg.num_workers = 4
cfg.seed = 2023
cfg.debug = False
