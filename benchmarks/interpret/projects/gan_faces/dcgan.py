from __future__ import print_function

import argparse
import os
import random

import torch
import torch.backends.cudnn as cudnn
import torch.nn as nn
import torch.optim as optim
import torch.utils.data
import torchvision.datasets as dset
import torchvision.transforms as transforms
import torchvision.utils as vutils

parser = argparse.ArgumentParser()
parser.add_argument('--dataset', required=True, help='cifar10 | lsun | celeba | folder | fake')
parser.add_argument('--dataroot', required=False, help='path to dataset')
parser.add_argument('--workers', type=int, help='number of data loading workers', default=2)
parser.add_argument('--batchSize', type=int, default=64, help='input batch size')
parser.add_argument('--imageSize', type=int, default=64, help='the height / width of the input image to network')
parser.add_argument('--nz', type=int, default=100, help='size of the latent z vector')
parser.add_argument('--ngf', type=int, default=64)
parser.add_argument('--ndf', type=int, default=64)
parser.add_argument('--niter', type=int, default=25, help='number of epochs to train for')
parser.add_argument('--lrG', type=float, default=0.0002, help='learning rate of the generator')
parser.add_argument('--lrD', type=float, default=0.0002, help='learning rate of the discriminator')
parser.add_argument('--beta1', type=float, default=0.5, help='beta1 for adam. default=0.5')
parser.add_argument('--nD', type=int, default=1, help='discriminator steps per generator step')
parser.add_argument('--loss', default='bce', help='bce | hinge | wgan')
parser.add_argument('--gp', type=float, default=0., help='gradient penalty weight')
parser.add_argument('--sn', action='store_true', help='spectral norm in netD')
parser.add_argument('--cuda', action='store_true', default=False, help='enables cuda')
parser.add_argument('--dry-run', action='store_true', help='check a single training cycle works')
parser.add_argument('--netG', default='', help="path to netG (to continue training)")
parser.add_argument('--netD', default='', help="path to netD (to continue training)")
parser.add_argument('--outf', default='.', help='folder to output images and model checkpoints')
parser.add_argument('--manualSeed', type=int, help='manual seed')
opt = parser.parse_args()
print(opt)

if opt.manualSeed is None:
    opt.manualSeed = random.randint(1, 10000)
random.seed(opt.manualSeed)
torch.manual_seed(opt.manualSeed)
cudnn.benchmark = True

tf = transforms.Compose([transforms.Resize(opt.imageSize), transforms.CenterCrop(opt.imageSize),
                         transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)])
if opt.dataset in ['folder', 'celeba']:
    dataset = dset.ImageFolder(root=opt.dataroot, transform=tf)
elif opt.dataset == 'lsun':
    dataset = dset.LSUN(root=opt.dataroot, classes=['bedroom_train'], transform=tf)
elif opt.dataset == 'cifar10':
    dataset = dset.CIFAR10(root=opt.dataroot, download=True, transform=tf)
else:
    dataset = dset.FakeData(image_size=(3, opt.imageSize, opt.imageSize), transform=transforms.ToTensor())
loader = torch.utils.data.DataLoader(dataset, batch_size=opt.batchSize, shuffle=True, num_workers=opt.workers)
device = torch.device("cuda:0" if opt.cuda else "cpu")
nz, ngf, ndf = opt.nz, opt.ngf, opt.ndf
sn = nn.utils.spectral_norm if opt.sn else (lambda m: m)

netG = nn.Sequential(
    nn.ConvTranspose2d(nz, ngf * 8, 4, 1, 0, bias=False), nn.BatchNorm2d(ngf * 8), nn.ReLU(True),
    nn.ConvTranspose2d(ngf * 8, ngf * 4, 4, 2, 1, bias=False), nn.BatchNorm2d(ngf * 4), nn.ReLU(True),
    nn.ConvTranspose2d(ngf * 4, ngf * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(ngf * 2), nn.ReLU(True),
    nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False), nn.BatchNorm2d(ngf), nn.ReLU(True),
    nn.ConvTranspose2d(ngf, 3, 4, 2, 1, bias=False), nn.Tanh()).to(device)
netD = nn.Sequential(
    sn(nn.Conv2d(3, ndf, 4, 2, 1, bias=False)), nn.LeakyReLU(0.2, inplace=True),
    sn(nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False)), nn.LeakyReLU(0.2, inplace=True),
    sn(nn.Conv2d(ndf * 2, ndf * 4, 4, 2, 1, bias=False)), nn.LeakyReLU(0.2, inplace=True),
    sn(nn.Conv2d(ndf * 4, ndf * 8, 4, 2, 1, bias=False)), nn.LeakyReLU(0.2, inplace=True),
    sn(nn.Conv2d(ndf * 8, 1, 4, 1, 0, bias=False))).to(device)
if opt.netG:
    netG.load_state_dict(torch.load(opt.netG))
if opt.netD:
    netD.load_state_dict(torch.load(opt.netD))

optD = optim.Adam(netD.parameters(), lr=opt.lrD, betas=(opt.beta1, 0.999))
optG = optim.Adam(netG.parameters(), lr=opt.lrG, betas=(opt.beta1, 0.999))
bce = nn.BCEWithLogitsLoss()


def d_loss(real, fake):
    if opt.loss == 'hinge':
        return torch.relu(1 - real).mean() + torch.relu(1 + fake).mean()
    if opt.loss == 'wgan':
        return fake.mean() - real.mean()
    return bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))


for epoch in range(opt.niter):
    for i, (x, _) in enumerate(loader):
        x = x.to(device)
        for _ in range(opt.nD):
            fake = netG(torch.randn(x.size(0), nz, 1, 1, device=device)).detach()
            errD = d_loss(netD(x), netD(fake))
            if opt.gp:
                mix = (x + torch.rand(x.size(0), 1, 1, 1, device=device) * (fake - x)).requires_grad_()
                g, = torch.autograd.grad(netD(mix).sum(), mix, create_graph=True)
                errD = errD + opt.gp * ((g.flatten(1).norm(dim=1) - 1) ** 2).mean()
            optD.zero_grad(); errD.backward(); optD.step()
        out = netD(netG(torch.randn(x.size(0), nz, 1, 1, device=device)))
        errG = bce(out, torch.ones_like(out)) if opt.loss == 'bce' else -out.mean()
        optG.zero_grad(); errG.backward(); optG.step()
        if opt.dry_run:
            break
    print('[%d/%d] Loss_D: %.4f Loss_G: %.4f' % (epoch, opt.niter, errD.item(), errG.item()))
    vutils.save_image(fake, os.path.join(opt.outf, 'fake_%03d.png' % epoch), normalize=True)
    torch.save(netG.state_dict(), os.path.join(opt.outf, 'netG_%d.pth' % epoch))
