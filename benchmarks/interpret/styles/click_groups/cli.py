import click, torch, torch.nn as nn, torchaudio

@click.group(context_settings={"auto_envvar_prefix": "KWS", "show_default": True})
@click.option("--seed", default=0)
@click.option("--data", type=click.Path(), default="speech_commands")
@click.option("--gpu/--cpu", default=True)
@click.pass_context
def cli(ctx, seed, data, gpu):
    torch.manual_seed(seed)
    ctx.obj = dict(data=data, dev="cuda" if gpu else "cpu")

def feature_opts(f):
    for o in (click.option("--sr", "sample_rate", default=16000),
              click.option("--mel", "n_mels", default=64),
              click.option("--hop", type=int, default=160)):
        f = o(f)
    return f

@cli.command()
@feature_opts
@click.option("--lr", type=float, default=1e-3)
@click.option("--epochs", "-e", default=40)
@click.option("--bs", default=100)
@click.option("--channels", multiple=True, type=int, default=(32, 64, 128))
@click.option("--opt", type=click.Choice(["adam", "sgd"], case_sensitive=False), default="adam")
@click.option("--time-mask", default=20, help="SpecAugment width")
@click.option("--freq-mask", default=8)
@click.option("--mixup", type=click.FloatRange(0, 1), default=0.0)
@click.option("-o", "--out", default="kws.pt", type=click.Path(dir_okay=False))
@click.pass_obj
def train(obj, sample_rate, n_mels, hop, lr, epochs, bs, channels, opt, time_mask, freq_mask, mixup, out):
    fe = nn.Sequential(torchaudio.transforms.MelSpectrogram(sample_rate, hop_length=hop, n_mels=n_mels),
                       torchaudio.transforms.TimeMasking(time_mask), torchaudio.transforms.FrequencyMasking(freq_mask))
    c = [1, *channels]
    net = nn.Sequential(fe, *[m for a, b in zip(c, c[1:]) for m in (nn.Conv2d(a, b, 3, 2), nn.BatchNorm2d(b), nn.ReLU())],
                        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c[-1], 35)).to(obj["dev"])
    X, Y = torch.load(obj["data"] + "/train.pt")
    o = (torch.optim.Adam if opt == "adam" else torch.optim.SGD)(net.parameters(), lr=lr)
    for ep in range(epochs):
        for i in torch.randperm(len(X)).split(bs):
            x, y = X[i].to(obj["dev"])[:, None], nn.functional.one_hot(Y[i], 35).float().to(obj["dev"])
            if mixup:
                lam = torch.distributions.Beta(mixup, mixup).sample()
                x, y = lam * x + (1 - lam) * x.flip(0), lam * y + (1 - lam) * y.flip(0)
            l = nn.functional.cross_entropy(net(x), y)
            o.zero_grad(); l.backward(); o.step()
        click.echo(f"{ep} {l.item():.3f}")
    torch.save(net, out)

@cli.command("test")
@click.argument("ckpt")
@click.pass_obj
def test_(obj, ckpt):
    X, Y = torch.load(obj["data"] + "/test.pt")
    click.echo((torch.load(ckpt)(X[:, None].to(obj["dev"])).argmax(1).cpu() == Y).float().mean())

if __name__ == "__main__":
    cli()
