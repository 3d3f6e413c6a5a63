"""How well the next change is predicted, and what habits save a simulated researcher.

python benchmarks/learn.py REPOSITORY ...    git repositories with their history, such as clones of
karpathy/nanochat or vwxyzjn/cleanrl; none of their code is kept here. Each is replayed commit by
commit, of one author, without merges: predict, look, learn. Nothing is tuned on what is reported.
"""

import argparse
import random
import sys
from pathlib import Path

from labhand.learn import env
from labhand.learn.predict import Companions, Next
from labhand.learn.repository import SWEEPING, commits, trials

ROUNDS = 2000
WARM_UP = 5


def frequent(seen):
    return sorted(seen, key=lambda thing: -seen[thing])


def settings(history):
    """Per change of one setting: hits of the next setting and its value, of ours and the baselines."""
    model, counts, last, values = Next(), {}, [], {}
    rows = []
    for number, trial in enumerate(trials(history)):
        if number >= WARM_UP:
            ranks = {
                "labhand": model.settings(),
                "most frequent": frequent(counts),
                "repeat last": last + [k for k in frequent(counts) if k not in last],
            }
            for key, (old, new) in trial.changed.items():
                row = {}
                known = values.get(key, {})
                guesses = {
                    "labhand": model.values(key, old),
                    "most frequent": [v for v in frequent(known) if v != old],
                    "repeat last": [v for v in reversed(list(known)) if v != old],
                }
                for name in ranks:
                    row[name] = [
                        key in ranks[name][:1],
                        key in ranks[name][:3],
                        new in guesses[name][:1],
                        new in guesses[name][:3],
                    ]
                rows.append((number, row))
        model.see(trial.changed)
        last = list(trial.changed)
        for key, (_, new) in trial.changed.items():
            counts[key] = counts.get(key, 0) + 1
            known = values.setdefault(key, {})
            known[new] = known.pop(new, 0) + 1
    return rows


def files(history):
    model, counts, last, rows = Companions(), {}, [], []
    for number, commit in enumerate(history):
        touched = sorted({change.path for change in commit.changes})
        if not 1 < len(touched) <= SWEEPING:
            continue
        if number >= WARM_UP:
            for known in touched:
                others = set(touched) - {known}
                ranks = {
                    "labhand": model.files(known),
                    "most frequent": [f for f in frequent(counts) if f != known],
                    "repeat last": [f for f in last if f != known],
                }
                row = {
                    n: [bool(others & set(r[:1])), bool(others & set(r[:3]))]
                    for n, r in ranks.items()
                }
                rows.append((number, row))
        model.see(touched)
        last = touched
        for path in touched:
            counts[path] = counts.get(path, 0) + 1
    return rows


def told(title, rows, names):
    """Shares with intervals, by a bootstrap over commits; ours against each baseline in pairs."""
    if not rows:
        print(f"  {title}: nothing to predict")
        return
    by = {}
    for commit, row in rows:
        by.setdefault(commit, []).append(row)
    groups = list(by.values())
    rng = random.Random(0)
    draws = [rng.choices(groups, k=len(groups)) for _ in range(ROUNDS)]
    print(f"  {title}: {len(rows)} in {len(groups)} commits")
    for place, name in enumerate(names):
        cells = []
        for model in ("labhand", "most frequent", "repeat last"):
            share = mean(groups, model, place)
            spread = sorted(mean(draw, model, place) for draw in draws[:400])
            cells.append(f"{model} {share:.1%} [{spread[10]:.1%}, {spread[-11]:.1%}]")
        ahead = sorted(
            mean(d, "labhand", place)
            - max(mean(d, m, place) for m in ("most frequent", "repeat last"))
            for d in draws[:400]
        )
        print(
            f"    {name:<16}{' · '.join(cells)} · ahead of the better {ahead[10]:+.1%} to {ahead[-11]:+.1%}"
        )


def mean(groups, model, place):
    hits = [row[model][place] for group in groups for row in group]
    return sum(hits) / len(hits)


def last_choice(past, defaults, asked):
    return {**defaults, **(past[-1] if past else {}), **asked}


def most_frequent(past, defaults, asked):
    given = {**defaults, **asked}
    for key in defaults:
        if key not in asked and past:
            counts = {}
            for values in past:
                counts[values[key]] = counts.get(values[key], 0) + 1
            given[key] = frequent(counts)[0]
    return given


def simulated(count):
    answers = {"labhand": env.solve, "most frequent": most_frequent, "repeat last": last_choice}
    answers["defaults"] = lambda past, defaults, asked: {**defaults, **asked}
    print(f"simulated researchers: {count}, {env.EPISODES} episodes each; settings changed by hand")
    for name, answer in answers.items():
        played = [env.play(env.make(seed), answer) for seed in range(2000, 2000 + count)]
        costs = sorted(sum(costs) for _, costs in played)
        value = sum(score.value for score, _ in played) / count
        halves = [
            sum(sum(c[a:b]) for _, c in played) / count for a, b in ((0, 20), (20, 40), (40, 60))
        ]
        thirds = ", ".join(f"{h:.1f}" for h in halves)
        print(
            f"  {name:<14} mean {sum(costs) / count:.1f} (middle half {costs[count // 4]} to {costs[3 * count // 4]}); thirds {thirds}; score {value:.2f}"
        )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("repositories", nargs="*", type=Path)
    parser.add_argument("--researchers", type=int, default=40)
    args = parser.parse_args()
    for place in args.repositories:
        history = commits(place)
        print(f"{place.name}: {len(history)} commits of one author")
        told(
            "next setting",
            settings(history),
            ["setting top-1", "setting top-3", "value top-1", "value top-3"],
        )
        told("other files of a commit", files(history), ["file top-1", "file top-3"])
    simulated(args.researchers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
