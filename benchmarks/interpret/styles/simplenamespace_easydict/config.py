from easydict import EasyDict as edict

cfg = edict()
cfg.SEED = 1234
cfg.OUT = "out/dcgan"
cfg.GAN = edict()
cfg.GAN.Z_DIM = 100
cfg.GAN.NGF = 64
cfg.GAN.NDF = 64
cfg.GAN.LOSS = "hinge"   # hinge | bce
cfg.TRAIN = edict(dict(BATCH=64, EPOCHS=200))
cfg.TRAIN.LR_G = 2e-4
cfg.TRAIN.LR_D = 2e-4
cfg.TRAIN.BETA1 = .5
cfg.TRAIN.D_STEPS = 1
cfg.DATA = edict({"ROOT": "/datasets/celeba", "SIZE": 64, "WORKERS": 8})
