from absl import app, flags
import gin, random, copy
import gymnasium as gym, numpy as np, torch, torch.nn as nn

flags.DEFINE_multi_string("gin_file", ["dqn.gin"], "")
flags.DEFINE_multi_string("gin_param", [], "bindings")
flags.DEFINE_string("base_dir", "/tmp/dqn", "")

@gin.configurable
class QNet(nn.Module):
    def __init__(self, o, n, hidden=gin.REQUIRED, dueling=False):
        super().__init__()
        d = [o, *hidden]
        self.f = nn.Sequential(*[m for a, b in zip(d, d[1:]) for m in (nn.Linear(a, b), nn.ReLU())])
        self.q, self.v = nn.Linear(d[-1], n), nn.Linear(d[-1], 1) if dueling else None
    def forward(self, x):
        h = self.f(x); q = self.q(h)
        return q if self.v is None else q - q.mean(-1, keepdim=True) + self.v(h)

@gin.configurable
def epsilon(t, start=1.0, end=0.1, decay_steps=50000):
    return max(end, start - (start - end) * t / decay_steps)

@gin.configurable
class Replay(list):
    def __init__(self, capacity, batch_size=32):
        self.capacity, self.batch_size = capacity, batch_size
    def sample(self):
        return [torch.tensor(np.array(z)) for z in zip(*random.sample(self, self.batch_size))]

@gin.configurable
class Agent:
    def __init__(self, o, n, net_fn, lr, gamma, target_period, double):
        self.q = net_fn(o, n); self.t = copy.deepcopy(self.q)
        self.opt = torch.optim.Adam(self.q.parameters(), lr=lr)
        self.gamma, self.period, self.double, self.k = gamma, target_period, double, 0
    def update(self, s, a, r, s2, d):
        with torch.no_grad():
            nxt = self.t(s2)
            best = (self.q(s2) if self.double else nxt).argmax(1, keepdim=True)
            y = r + self.gamma * (1 - d) * nxt.gather(1, best)[:, 0]
        loss = nn.functional.smooth_l1_loss(self.q(s).gather(1, a[:, None])[:, 0], y)
        self.opt.zero_grad(); loss.backward(); self.opt.step(); self.k += 1
        if self.k % self.period == 0:
            self.t.load_state_dict(self.q.state_dict())

@gin.configurable
def run(base_dir, env_name, num_steps, min_replay=1000, seed=0):
    random.seed(seed); torch.manual_seed(seed)
    env = gym.make(env_name)
    ag, rb = Agent(env.observation_space.shape[0], int(env.action_space.n)), Replay()
    s, _ = env.reset(seed=seed)
    for t in range(num_steps):
        a = env.action_space.sample() if random.random() < epsilon(t) else ag.q(torch.tensor(s)).argmax().item()
        s2, r, te, tr, _ = env.step(a)
        rb.append((s, a, np.float32(r), s2, np.float32(te))); del rb[:max(0, len(rb) - rb.capacity)]
        s = env.reset()[0] if te or tr else s2
        if len(rb) > min_replay: ag.update(*rb.sample())
    torch.save(ag.q.state_dict(), base_dir + "/q.pt")

def main(_):
    gin.parse_config_files_and_bindings(flags.FLAGS.gin_file, flags.FLAGS.gin_param)
    run(flags.FLAGS.base_dir)

if __name__ == "__main__":
    app.run(main)
