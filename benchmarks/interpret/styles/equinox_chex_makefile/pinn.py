"""Burgers equation PINN (equinox); chex dataclass overridden by key=value words."""
import dataclasses, sys
import chex, equinox as eqx, jax, jax.numpy as jnp, optax

@chex.dataclass(frozen=True)
class HParams:
    nu: float = 0.01
    steps: int = 15_000
    lr: float = 1e-3
    seed: int = 0
    out: str = "burgers.eqx"
    width: int = 32
    depth: int = 5
    n_colloc: int = 2048
    n_boundary: int = 256
    bc_weight: float = 10.0
    decay_rate: float = 0.9
    decay_every: int = 2000
    print_every: int = 500
    x64: bool = False

kv = dict(a.split("=", 1) for a in sys.argv[1:])
types = {f.name: f.type for f in dataclasses.fields(HParams)}
conv = {bool: lambda s: s == "True"}
hp = HParams(**{k: conv.get(types[k], types[k])(v) for k, v in kv.items()})
jax.config.update("jax_enable_x64", hp.x64)
key = jax.random.PRNGKey(hp.seed)
net = eqx.nn.MLP(2, "scalar", hp.width, hp.depth, jnp.tanh, key=key)

def residual(net, z):
    u = lambda t, x: net(jnp.stack([t, x]))
    t, x = z
    return jax.grad(u, 0)(t, x) + u(t, x) * jax.grad(u, 1)(t, x) - hp.nu * jax.grad(jax.grad(u, 1), 1)(t, x)

def loss_fn(net, k):
    a, b = jax.random.split(k)
    z = jax.random.uniform(a, (hp.n_colloc, 2)) * jnp.array([1., 2.]) - jnp.array([0., 1.])
    x0 = jax.random.uniform(b, (hp.n_boundary,), minval=-1, maxval=1)
    ic = jax.vmap(lambda x: net(jnp.stack([0., x])) + jnp.sin(jnp.pi * x))(x0)
    return (jax.vmap(lambda q: residual(net, q))(z) ** 2).mean() + hp.bc_weight * (ic ** 2).mean()

opt = optax.adam(optax.exponential_decay(hp.lr, hp.decay_every, hp.decay_rate))
st = opt.init(eqx.filter(net, eqx.is_array))

@eqx.filter_jit
def step(net, st, k):
    l, g = eqx.filter_value_and_grad(loss_fn)(net, k)
    u, st = opt.update(g, st)
    return eqx.apply_updates(net, u), st, l

for i in range(hp.steps):
    net, st, l = step(net, st, jax.random.fold_in(key, i))
    if i % hp.print_every == 0:
        print(i, float(l))
eqx.tree_serialise_leaves(hp.out, net)
