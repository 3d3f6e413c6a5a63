from types import SimpleNamespace

import torch


def collect(envs, agent, args, device, returns):
    obs, acts, lps, rews, dones, vals = [], [], [], [], [], []
    o = envs.observations if hasattr(envs, "observations") else envs.reset()[0]
    for _ in range(args.num_steps):
        with torch.no_grad():
            a, lp, _, v = agent.act(torch.as_tensor(o, device=device).float())
        o2, r, term, trunc, info = envs.step(a.cpu().numpy())
        obs.append(o); acts.append(a); lps.append(lp); rews.append(r); dones.append(term); vals.append(v.view(-1))
        o = o2
        if "episode" in info:
            returns.extend(info["episode"]["r"])
    adv, last = [], 0
    for t in reversed(range(args.num_steps)):
        nxt = vals[t + 1] if t + 1 < args.num_steps else vals[t]
        delta = torch.as_tensor(rews[t]) + args.gamma * nxt * (1 - torch.as_tensor(dones[t]).float()) - vals[t]
        last = delta + args.gamma * args.gae_lambda * last
        adv.insert(0, last)
    adv = torch.stack(adv).view(-1)
    return SimpleNamespace(obs=torch.tensor(obs).flatten(0, 1), actions=torch.stack(acts).view(-1),
                           logprobs=torch.stack(lps).view(-1), adv=adv, returns=adv + torch.stack(vals).view(-1))
