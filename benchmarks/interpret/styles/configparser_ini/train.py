import configparser, sys
import torch, torch.nn as nn, torch.nn.functional as F

ini = configparser.ConfigParser()
ini.read(sys.argv[1] if len(sys.argv) > 1 else "experiment.ini")
D, M, R = ini["data"], ini["model"], ini["train"]
torch.manual_seed(ini["DEFAULT"].getint("seed"))
ch = [int(c) for c in M["encoder_channels"].split(",")]
lo, hi = M.getfloat("min_depth"), M.getfloat("max_depth")
amp = R.getboolean("amp", fallback=False)
workers = D.getint("workers", fallback=4)

class DepthNet(nn.Module):
    def __init__(self):
        super().__init__()
        c = [3] + ch
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in zip(c, c[1:]))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 4, 2, 1) for a, b in zip(ch[::-1][1:] + [1], ch[::-1]))
    def forward(self, x):
        for d in self.down: x = F.elu(d(x))
        for i, u in enumerate(self.up):
            x = u(x)
            if i < len(self.up) - 1: x = F.elu(x)
        disp = x.sigmoid()
        return 1 / (1 / hi + (1 / lo - 1 / hi) * disp), disp

class Kitti(torch.utils.data.Dataset):
    def __init__(self):
        self.x, self.y = torch.load(D["path"] + "/train.pt")
    def __len__(self): return len(self.x)
    def __getitem__(self, i):
        s = (D.getint("height"), D.getint("width"))
        x, y = F.interpolate(self.x[i:i + 1], s)[0], F.interpolate(self.y[i:i + 1], s)[0]
        flip = D.getboolean("augment") and torch.rand(()) < .5
        return (x.flip(-1), y.flip(-1)) if flip else (x, y)

dl = torch.utils.data.DataLoader(Kitti(), R.getint("batch_size"), shuffle=True, num_workers=workers)
net = DepthNet().cuda()
opt = torch.optim.Adam(net.parameters(), R.getfloat("learning_rate"))
sch = torch.optim.lr_scheduler.StepLR(opt, R.getint("scheduler_step"))
for ep in range(R.getint("epochs")):
    for x, y in dl:
        with torch.autocast("cuda", enabled=amp):
            depth, disp = net(x.cuda())
            smooth = disp.diff(dim=-1).abs().mean() + disp.diff(dim=-2).abs().mean()
            loss = (depth - y.cuda()).abs().mean() + R.getfloat("smoothness_weight") * smooth
        opt.zero_grad(); loss.backward(); opt.step()
    sch.step()
    torch.save(net.state_dict(), R["log_dir"] + f"/{ep}.pth")
