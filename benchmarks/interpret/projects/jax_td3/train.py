"""python train.py --config=configs/default.py --config.tau=0.01"""
import functools
import os

import flax.linen as nn
import gym
import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import app, flags
from ml_collections import config_flags

FLAGS = flags.FLAGS
flags.DEFINE_string('save_dir', './tmp/', 'Tensorboard logging dir.')
flags.DEFINE_boolean('tqdm', True, 'Use tqdm progress bar.')
flags.DEFINE_boolean('save_video', False, 'Save videos during evaluation.')
config_flags.DEFINE_config_file('config', 'configs/default.py', 'File path to the training hyperparameter configuration.', lock_config=False)


class MLP(nn.Module):
    dims: tuple
    out: int
    layer_norm: bool = False

    @nn.compact
    def __call__(self, x):
        for d in self.dims:
            x = nn.Dense(d)(x)
            if self.layer_norm:
                x = nn.LayerNorm()(x)
            x = nn.relu(x)
        return nn.Dense(self.out)(x)


@functools.partial(jax.jit, static_argnames=('actor', 'critic', 'cfg'))
def update_critic(params, target, opt, batch, key, actor, critic, cfg):
    noise = jnp.clip(cfg.noise_target * jax.random.normal(key, batch['act'].shape), -cfg.noise_clip, cfg.noise_clip)
    a2 = jnp.clip(jnp.tanh(actor.apply(target['actor'], batch['next'])) + noise, -1, 1)
    x2 = jnp.concatenate([batch['next'], a2], -1)
    q2 = jnp.minimum(critic.apply(target['q1'], x2), critic.apply(target['q2'], x2))
    y = batch['rew'] + cfg.discount * batch['mask'] * q2.squeeze(-1)

    def loss(p):
        x = jnp.concatenate([batch['obs'], batch['act']], -1)
        return sum(((critic.apply(p[k], x).squeeze(-1) - y) ** 2).mean() for k in ('q1', 'q2'))

    return jax.value_and_grad(loss)(params)


def evaluate(policy, env, n):
    rets = []
    for _ in range(n):
        o, d, r = env.reset(), False, 0.0
        while not d:
            o, rew, d, _ = env.step(policy(o))
            r += rew
        rets.append(r)
    return float(np.mean(rets))


def main(_):
    c = FLAGS.config
    np.random.seed(c.seed)
    env, eval_env = gym.make(c.env_name), gym.make(c.env_name)
    env.seed(c.seed)
    key = jax.random.PRNGKey(c.seed)
    actor = MLP(tuple(c.hidden_dims), env.action_space.shape[0], c.layer_norm)
    critic = MLP(tuple(c.hidden_dims), 1, c.layer_norm)
    obs = env.reset()
    ka, k1, k2, key = jax.random.split(key, 4)
    pa = actor.init(ka, obs)
    dummy = jnp.concatenate([obs, env.action_space.sample()])
    pq = {'q1': critic.init(k1, dummy), 'q2': critic.init(k2, dummy)}
    ta, tq = optax.adam(c.actor_lr), optax.adam(c.critic_lr)
    sa, sq = ta.init(pa), tq.init(pq)
    tgt = {'actor': pa, **pq}
    if FLAGS.save_video:
        eval_env = gym.wrappers.Monitor(eval_env, os.path.join(FLAGS.save_dir, 'video'))
    buf = []
    for t in range(1, c.max_steps + 1):
        if t < c.start_training:
            a = env.action_space.sample()
        else:
            a = np.asarray(jnp.tanh(actor.apply(pa, obs))) + c.noise.exploration * np.random.randn(env.action_space.shape[0])
        nxt, r, done, info = env.step(np.clip(a, -1, 1))
        buf.append((obs, a, r, nxt, float(not done)))
        buf = buf[-c.replay_buffer_size:]
        obs = env.reset() if done else nxt
        if t >= c.start_training and t % c.policy_delay == 0:
            ix = np.random.randint(len(buf), size=c.batch_size)
            batch = dict(zip(('obs', 'act', 'rew', 'next', 'mask'), map(np.array, zip(*[buf[i] for i in ix]))))
            g = jax.grad(lambda p: -critic.apply(pq['q1'], jnp.concatenate([batch['obs'], jnp.tanh(actor.apply(p, batch['obs']))], -1)).mean())(pa)
            up, sa = ta.update(g, sa)
            pa = optax.apply_updates(pa, up)
            tgt = jax.tree_util.tree_map(lambda a, b: (1 - c.tau) * a + c.tau * b, tgt, {'actor': pa, **pq})
        if t % c.eval.interval == 0:
            ret = evaluate(lambda o: np.asarray(jnp.tanh(actor.apply(pa, o))), eval_env, c.eval.episodes)
            print(f'step {t}: average_return={ret:.1f}')
            with open(os.path.join(FLAGS.save_dir, f'{c.seed}.txt'), 'a') as f:
                f.write(f'{t}\t{ret}\n')


if __name__ == '__main__':
    app.run(main)
