import os
from dotenv import load_dotenv
import monai, numpy as np, torch

load_dotenv()
# ---------------- settings ----------------
DATA_DIR = os.environ["DATA_DIR"]
FOLD = int(os.getenv("FOLD", 0))
BATCH_SIZE = int(os.getenv("BATCH_SIZE", "2"))
LR = float(os.environ.get("LR") or 1e-4)
USE_AMP = os.getenv("USE_AMP", "1").lower() in ("1", "true", "yes")
CUDA = os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")
N_FOLDS = 5
EPOCHS = 300
VAL_EVERY = 10
PATCH = (96, 96, 96)
HU_MIN, HU_MAX = -57, 164
CHANNELS = [16, 32, 64, 128, 256]
SEED = 0
IMAGE_KEY, LABEL_KEY = "image", "label"


class Config:
    num_res_units = 2
    dropout = 0.0
    norm = "batch"
    overlap = 0.25      # sliding window
    weight_decay = 1e-5


def files():
    ids = sorted(os.listdir(os.path.join(DATA_DIR, "imagesTr")))
    rows = [{IMAGE_KEY: f"{DATA_DIR}/imagesTr/{i}", LABEL_KEY: f"{DATA_DIR}/labelsTr/{i}"} for i in ids]
    return [r for k, r in enumerate(rows) if k % N_FOLDS != FOLD], rows[FOLD::N_FOLDS]


monai.utils.set_determinism(SEED)
M, keys = monai.transforms, [IMAGE_KEY, LABEL_KEY]
base = [M.LoadImaged(keys, ensure_channel_first=True), M.ScaleIntensityRanged(IMAGE_KEY, HU_MIN, HU_MAX, 0, 1, clip=True)]
crop = M.RandCropByPosNegLabeld(keys, LABEL_KEY, PATCH, num_samples=4)
tr, va = files()
dl = monai.data.DataLoader(monai.data.CacheDataset(tr, M.Compose(base + [crop])), BATCH_SIZE, shuffle=True)
vl = monai.data.DataLoader(monai.data.Dataset(va, M.Compose(base)))
net = monai.networks.nets.UNet(3, 1, 2, CHANNELS, (2,) * (len(CHANNELS) - 1), num_res_units=Config.num_res_units,
                               dropout=Config.dropout, norm=Config.norm).cuda()
opt = torch.optim.Adam(net.parameters(), LR, weight_decay=Config.weight_decay)
crit = monai.losses.DiceLoss(to_onehot_y=True, softmax=True)
for epoch in range(EPOCHS):
    for b in dl:
        with torch.autocast("cuda", enabled=USE_AMP):
            loss = crit(net(b[IMAGE_KEY].cuda()), b[LABEL_KEY].cuda())
        opt.zero_grad(); loss.backward(); opt.step()
    if epoch % VAL_EVERY == 0:
        with torch.no_grad():
            v = [crit(monai.inferers.sliding_window_inference(b[IMAGE_KEY].cuda(), PATCH, 4, net, Config.overlap), b[LABEL_KEY].cuda()).item() for b in vl]
        print(epoch, 1 - np.mean(v))
