"""What scan finds in texts, and how long it takes, side by side with its peers in one run.

    python benchmarks/scan.py [--texts 100000] [--seeds 2] [--rows 150] [--adbench FOLDER]

Near-duplicates: paragraphs of the docstrings of installed packages, a tenth of them again with 2, 5 or
10 % of their words changed; a planted pair counts where the Jaccard index of the two sets of words is 0.7 or
more. Recall is the share of planted texts that are found; each pair that labhand tells is verified.
datasketch and rensa are measured where they are installed. Times are CPU seconds of this process, with
tokenising; the machine's load is printed.

Faults: `scan.text_corruption` puts each fault into clean texts, chats, answers and pairs; average precision
by rule, and what is told on the clean data. The faults are our own, so they tell what is covered, not how
well strangers' faults are found. Prints Markdown.
"""

import argparse
import os
import random
import re
import sysconfig
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from labhand.scan.corruption import score_ranked
from labhand.scan.data import Data, Part
from labhand.scan.detectors._alike import alike
from labhand.scan.env import solve
from labhand.scan.outliers import score, standardised
from labhand.scan.text_corruption import text_problems

LEAST = 0.7


def planted(number: int) -> tuple[list[str], list[int]]:
    """Texts, and the places of those that are an edit of an earlier one (Jaccard 0.7 or more)."""
    generator = random.Random(0)
    roots = {
        sysconfig.get_path("purelib"),
        sysconfig.get_path("stdlib"),
        str(Path(pl.__file__).parents[1]),
    }
    base: list[str] = []
    for path in (p for root in sorted(roots) for p in sorted(Path(root).rglob("*.py"))):
        for told in re.findall(r'"""(.*?)"""', path.read_text("utf-8", "replace"), re.S):
            some = (" ".join(part.split()) for part in told.split("\n\n"))
            base += [text for text in some if 12 <= len(text.split()) <= 80]
        if len(base) >= number:
            break
    generator.shuffle(base)
    base = base[: number * 9 // 10]
    texts, places = list(base), []
    for source in generator.sample(base, min(len(base), number // 10)):
        words = source.split()
        for _ in range(max(1, round(len(words) * generator.choice([0.02, 0.05, 0.1])))):
            words[generator.randrange(len(words))] = generator.choice(
                generator.choice(base).split()
            )
        a, b = _words(source), _words(" ".join(words))
        if len(a & b) >= LEAST * len(a | b):
            places.append(len(texts))
        texts.append(" ".join(words))
    return texts, places


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def ours(texts: list[str]) -> set[int]:
    part = Part("texts", None, pl.DataFrame({"text": texts}))
    return set(alike(Data([part], {"text": "text"}), part, LEAST).right.tolist())


def datasketch(texts: list[str]) -> set[int]:
    from datasketch import MinHash, MinHashLSH

    index, found = MinHashLSH(threshold=LEAST, num_perm=128), set()
    for place, text in enumerate(texts):
        told = MinHash(num_perm=128)
        told.update_batch([w.encode() for w in _words(text)])
        if index.query(told):
            found.add(place)
        index.insert(place, told)
    return found


def rensa(texts: list[str]) -> set[int]:
    from rensa import RMinHash, RMinHashLSH

    index, found = RMinHashLSH(threshold=LEAST, num_perm=128, num_bands=16), set()
    for place, text in enumerate(texts):
        told = RMinHash(num_perm=128, seed=0)
        told.update(list(_words(text)))
        if index.query(told):
            found.add(place)
        index.insert(place, told)
    return found


def near_duplicates(number: int) -> None:
    texts, places = planted(number)
    print(f"\n### Near-duplicates: {len(texts):,} texts, {len(places):,} planted\n")
    print("| tool | planted found | texts told | CPU s | wall s |\n|---|---|---|---|---|")
    tools: list[tuple[str, Callable[[list[str]], set[int]]]] = [
        ("**labhand**, verified", ours), ("datasketch, 128", datasketch), ("rensa, 128 in 16 bands", rensa),
    ]  # fmt: skip
    for name, tool in tools:
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            found = tool(texts)
        except ImportError as error:
            print(f"| {name} | not installed: {error.name} | | | |")
            continue
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        share = len(found & set(places)) / max(1, len(places))
        print(f"| {name} | {share:.3f} | {len(found):,} | {cpu:.1f} | {wall:.1f} |", flush=True)


def faults(seeds: int, rows: int) -> None:
    scores: dict[str, list[float]] = defaultdict(list)
    for seed in range(seeds):
        for problem in text_problems(seed, rows, severity=(0.2, 0.6, 1.0)[seed % 3]):
            rule = problem.task.facts["rule"] or "clean"
            scores[rule].append(score_ranked(problem.task, solve(problem)).value)
    print(f"\n### Faults in texts, chats, answers and pairs of {rows} rows, {seeds} seeds\n")
    print("| rule | problems | average precision |\n|---|---|---|")
    for rule, values in sorted(scores.items()):
        print(f"| {rule} | {len(values)} | {sum(values) / len(values):.3f} |")


def outliers(folder: Path) -> None:
    """Every second ADBench set of a folder of .npz, by labhand and by pyod where it is installed."""
    import numpy as np
    from scipy.stats import wilcoxon
    from sklearn.metrics import average_precision_score, roc_auc_score

    tools = _scorers()
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in tools}
    for path in sorted(folder.glob("*.npz"), key=lambda p: p.name)[::2]:
        told = np.load(path)
        lines, truth = told["X"].astype(float), told["y"].astype(int)
        if len(lines) > 10_000:
            some = np.random.default_rng(0).choice(len(lines), 10_000, replace=False)
            lines, truth = lines[some], truth[some]
        for name, tool in tools.items():
            cpu = time.process_time()
            scores = tool(standardised(lines))
            cpu = time.process_time() - cpu
            if not np.isfinite(scores).all() or np.ptp(scores) == 0:
                scores = np.zeros(len(truth))
            marks = roc_auc_score(truth, scores), average_precision_score(truth, scores)
            found[name].append((*map(float, marks), cpu))
    print("\n### Outliers: even-position ADBench sets\n")
    print("| tool | sets | AUCROC | AP | CPU s | p, paired Wilcoxon |\n|---|---|---|---|---|---|")
    own = [auc for auc, _, _ in found["**labhand**"]]
    for name, rows in found.items():
        auc, ap, cpu = (float(v) for v in np.array(rows).mean(axis=0))
        other = [a for a, _, _ in rows]
        p = f"{wilcoxon(own, other).pvalue:.3f}" if other != own else ""
        print(f"| {name} | {len(rows)} | {auc:.4f} | {ap:.4f} | {cpu * len(rows):.1f} | {p} |")


def _scorers() -> "dict[str, Callable[[Any], Any]]":
    import numpy as np

    made: dict[str, Callable[[Any], Any]] = {"**labhand**": lambda lines: score(lines)[0]}
    try:
        from pyod.models.ecod import ECOD
        from pyod.models.iforest import IForest
        from pyod.models.knn import KNN
    except ImportError as error:
        print(f"\npyod is not installed ({error.name}): labhand alone")
        return made
    near = lambda n: int(np.clip(np.sqrt(n), 5, 100))  # noqa: E731
    made["KNN, mean, root of n"] = lambda x: (
        KNN(n_neighbors=near(len(x)), method="mean").fit(x).decision_scores_
    )
    made["IForest"] = lambda x: IForest(random_state=0).fit(x).decision_scores_
    made["ECOD"] = lambda x: ECOD().fit(x).decision_scores_
    return made


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rows", type=int, default=150)
    parser.add_argument("--adbench", type=Path, help="a folder with the .npz files of ADBench")
    told = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if told.adbench:
        outliers(told.adbench)
    if told.texts:
        near_duplicates(told.texts)
    if told.seeds:
        faults(told.seeds, told.rows)


if __name__ == "__main__":
    main()
