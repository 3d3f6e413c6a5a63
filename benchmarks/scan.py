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


def labels(seeds: int) -> None:
    """Labels of which a tenth was flipped, found without anybody's model, beside cleanlab's Datalab (G6)."""
    import numpy as np
    from scipy.stats import wilcoxon
    from sklearn.datasets import load_breast_cancer, load_digits, load_wine

    print(f"\n### Labels: a tenth flipped to any other class, {seeds} seeds\n")
    print("| data | tool | F1 | AP | CPU s | p of F1, paired Wilcoxon |\n|---|---|---|---|---|---|")
    for name, load in (("digits", load_digits), ("breast_cancer", load_breast_cancer), ("wine", load_wine)):  # fmt: skip
        lines, truth = load(return_X_y=True)
        found: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
        for seed in range(100, 100 + seeds):
            generator = np.random.default_rng(seed)
            given, rows = (
                truth.copy(),
                generator.choice(len(truth), len(truth) // 10, replace=False),
            )
            many = len(set(truth))
            given[rows] = (given[rows] + generator.integers(1, many, len(rows))) % many
            for tool in (our_labels, datalab):
                cpu = time.process_time()
                try:
                    odd, scores = tool(lines, given)
                except ImportError:
                    continue
                found[tool.__name__].append((*_marks(truth != given, odd, scores), time.process_time() - cpu))  # fmt: skip
        own = [f1 for f1, _, _ in found["our_labels"]]
        for tool_, marks in found.items():
            f1, ap, cpu = (float(v) for v in np.array(marks).mean(axis=0))
            other = [m[0] for m in marks]
            p = f"{wilcoxon(own, other).pvalue:.3f}" if other != own else ""
            print(f"| {name} | {tool_} | {f1:.3f} | {ap:.3f} | {cpu:.1f} | {p} |", flush=True)


def _marks(truth: Any, odd: Any, scores: Any) -> tuple[float, float]:
    from sklearn.metrics import average_precision_score, f1_score

    return float(f1_score(truth, odd)), float(average_precision_score(truth, scores))


def our_labels(lines: Any, given: Any) -> tuple[Any, Any]:
    import numpy as np

    from labhand.scan.believing import beliefs
    from labhand.scan.detectors.wrong_label import Detector

    frame = pl.DataFrame(lines, [f"x{i}" for i in range(lines.shape[1])])
    part = Part("table", None, frame.with_columns(label=pl.Series(given)))
    data = Data([part], {"label": "label"})
    odd = np.zeros(len(given), bool)
    for anomaly in Detector().look(data):
        assert anomaly.found is not None
        odd[anomaly.found["row"].to_numpy()] = True
    told = beliefs(data, part)
    place = np.arange(len(given))
    others = told.probabilities.copy()
    own = others[place, told.given]
    others[place, told.given] = -1
    return odd, others.max(axis=1) - own


def datalab(lines: Any, given: Any) -> tuple[Any, Any]:
    import contextlib
    import io

    from cleanlab import Datalab
    from sklearn.preprocessing import StandardScaler

    with contextlib.redirect_stdout(io.StringIO()):
        lab = Datalab({"y": given}, label_name="y")
        lab.find_issues(features=StandardScaler().fit_transform(lines), issue_types={"label": {}})
    told = lab.get_issues("label")
    return told["is_label_issue"].to_numpy(), 1 - told["label_score"].to_numpy()


def profiles(rows: int) -> None:
    """A first report on numbers and words, beside ydata-profiling (G4)."""
    import tempfile

    import numpy as np

    from labhand.scan import scan

    generator = np.random.default_rng(0)
    columns: dict[str, Any] = {f"x{i}": generator.normal(i, 1 + i, rows) for i in range(15)}
    columns |= {f"c{i}": generator.choice(["red", "green", "blue", "grey"], rows) for i in range(5)}
    frame = pl.DataFrame(columns)
    print(f"\n### A first report on {rows:,} rows of 20 columns\n")
    print("| tool | CPU s |\n|---|---|")
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "table.parquet"
        frame.write_parquet(path)
        cpu = time.process_time()
        scan([path], out=Path(place) / "out")
        print(f"| **labhand scan** | {time.process_time() - cpu:.1f} |", flush=True)
        try:
            from ydata_profiling import ProfileReport
        except ImportError as error:
            print(f"| ydata-profiling | not installed: {error.name} |")
            return
        for minimal in (True, False):
            cpu = time.process_time()
            report = ProfileReport(frame.to_pandas(), minimal=minimal, progress_bar=False)
            report.to_file(Path(place) / "report.html")
            name = f"ydata-profiling, {'minimal' if minimal else 'full'}"
            print(f"| {name} | {time.process_time() - cpu:.1f} |", flush=True)


def vectors(rows: int) -> None:
    """Vectors of 64 numbers with labels: outliers, repeats and labels in one call, beside Datalab (G8)."""
    import tempfile

    import numpy as np

    from labhand.scan import scan

    generator = np.random.default_rng(0)
    middle = generator.normal(0, 3, (10, 64))
    label = generator.integers(0, 10, rows)
    made = (middle[label] + generator.normal(0, 1, (rows, 64))).astype(np.float32)
    made[1::100] = made[0::100] + generator.normal(0, 1e-3, made[0::100].shape)
    print(f"\n### {rows:,} vectors of 64 numbers\n")
    print("| tool | CPU s |\n|---|---|")
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "table.parquet"
        pl.DataFrame({"label": [f"c{v}" for v in label]}).write_parquet(path)
        np.save(Path(place) / "vectors.npy", made)
        cpu = time.process_time()
        names = [
            "vector-nonfinite",
            "vector-zero",
            "vector-norm",
            "vector-duplicate",
            "vector-collapse",
        ]
        told = scan([path], embeddings=Path(place) / "vectors.npy", select=[*names, "row-outlier", "wrong-label"])  # fmt: skip
        print(f"| **labhand scan** ({', '.join(told.ran)}) | {time.process_time() - cpu:.1f} |", flush=True)  # fmt: skip
    try:
        from cleanlab import Datalab
    except ImportError as error:
        print(f"| Datalab | not installed: {error.name} |")
        return
    cpu = time.process_time()
    lab = Datalab({"y": label}, label_name="y", verbosity=0)
    lab.find_issues(features=made, issue_types={"label": {}, "outlier": {}, "near_duplicate": {}})
    print(
        f"| Datalab (label, outlier, near_duplicate) | {time.process_time() - cpu:.1f} |",
        flush=True,
    )


def added(rows: int) -> None:
    """What a scan of one hundredth more rows costs beside a whole scan, by format (G12)."""
    import tempfile

    import numpy as np

    from labhand.scan import scan

    generator = np.random.default_rng(0)
    more = rows // 100
    columns: dict[str, Any] = {
        f"x{i}": generator.normal(50, 9, rows + more).round(3) for i in range(5)
    }
    columns |= {f"c{i}": generator.choice(["Rome", "Oslo", "Bern"], rows + more) for i in range(3)}
    frame = pl.DataFrame(columns)
    print(
        f"\n### {more:,} rows more than {rows:,}\n\n| format | whole, CPU s | added, CPU s | share |\n|---|---|---|---|"
    )
    for name in ("table.csv", "table.parquet", "shards"):
        with tempfile.TemporaryDirectory() as place:
            path, out = Path(place) / name, Path(place) / "out"
            _grow(path, frame[:rows], frame[:rows])
            spent = []
            for _ in range(2):
                start = time.process_time()
                told = scan([path], out=out)
                spent.append(time.process_time() - start)
                _grow(path, frame, frame[rows:])
            assert "appended" in told.summary
            print(
                f"| {name} | {spent[0]:.2f} | {spent[1]:.2f} | {spent[1] / spent[0]:.1%} |",
                flush=True,
            )


def _grow(path: Path, whole: pl.DataFrame, new: pl.DataFrame) -> None:
    if path.suffix == ".parquet":
        whole.write_parquet(path)
    elif path.suffix == ".csv":
        with path.open("ab") as file:
            new.write_csv(file, include_header=not file.tell())
    else:
        path.mkdir(exist_ok=True)
        half = len(new) // 2 if not any(path.iterdir()) else len(new)
        for some in (new[:half], new[half:]):
            if len(some):
                some.write_parquet(path / f"part-{len(list(path.iterdir())):03}.parquet")


def large(rows: int) -> None:
    """Scores of every row of a table of ten columns, and what sets the strangest apart (G3)."""
    import tempfile

    import numpy as np

    from labhand.scan import scan

    generator = np.random.default_rng(0)
    lines = generator.lognormal(0, 0.5, (rows, 10)) @ generator.normal(size=(10, 10))
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "table.parquet"
        pl.DataFrame(lines, schema=[f"x{i}" for i in range(10)], orient="row").write_parquet(path)
        start = time.process_time()
        scan([path], select=["row-outlier"], scores=Path(place) / "scores.parquet")
        spent = time.process_time() - start
        print(f"\n{rows:,} rows of ten columns scored, the strangest explained: {spent:.1f} CPU s")


def quiet(tables: int) -> None:
    """Warnings and errors in tables made by a seed, in which nothing is off (G9)."""
    import numpy as np

    columns, told = 0, []
    for seed in range(tables):
        g = np.random.default_rng(seed)
        rows = int(g.choice([60, 300, 2000]))
        start = np.datetime64("2024-01-01") + g.integers(0, 900, rows).astype("timedelta64[D]")
        frame = pl.DataFrame(
            {
                "height": g.normal(170, 9, rows).round(1), "income": g.lognormal(10, 0.7, rows).round(2),
                "visits": g.poisson(3, rows), "wait": g.exponential(12, rows).round(2),
                "share": g.beta(2, 5, rows).round(4), "charge": g.choice([-1.5, -0.5, 0.5, 1.5], rows),
                "grade": g.integers(1, 6, rows), "city": g.choice(["Rome", "Oslo", "Bern", "Cork"], rows),
                "smoker": g.random(rows) < 0.2, "day": start, "drift": g.normal(0, 1, rows).cumsum().round(3),
                "note": [f"{a} {b} at bed {c}" for a, b, c in zip(
                    g.choice(["calm", "pale", "alert"], rows), g.choice(["slept", "ate", "walked"], rows),
                    g.integers(1, 99, rows), strict=True)],
            }
        )  # fmt: skip
        columns += frame.width
        part = Part(f"seed {seed}", None, frame)
        told += [f"{seed} {name}: {a.message}" for name, a in _looked(part) if a.severity != "note"]
    print(f"\n{len(told)} warnings and errors in {columns} columns of {tables} clean tables")
    print("\n".join(told))


def _looked(part: Part) -> "list[tuple[str, Any]]":
    from labhand.core.registry import load_all
    from labhand.scan.engine import look
    from labhand.scan.roles import find_roles

    detectors = {n: cls() for n, cls in load_all("scan-detector")[0].items()}
    return look(Data([part], find_roles([part], {})), detectors).anomalies


def sureness(seed: int) -> None:
    """Of rows that are told with a confidence, the share that has the fault, and undone patches (G9, G10)."""
    import tempfile

    from labhand.scan import mend, scan, undo
    from labhand.scan.corruption import problems

    bins: dict[int, list[float]] = defaultdict(list)
    patches = back = 0
    for problem in problems(seed):
        rows = {row for _, row in problem.task.expected}
        with tempfile.TemporaryDirectory() as place:
            path, home = Path(place) / "table.csv", Path(place)
            problem.frame.write_csv(path)
            before = path.read_bytes()
            for finding in scan([path], out=home / "out").findings:
                named = finding.where.rows or []
                if finding.severity != "note" and isinstance(named, list) and named:
                    bins[int(finding.confidence * 10)].append(len(rows & {*named}) / len(named))
                if finding.fix is not None:
                    copy = home / f"{finding.id}.csv"
                    mend(Path(finding.fix.patch), copy, home)
                    undo(copy)
                    patches += 1
                    back += copy.read_bytes() == before == path.read_bytes()
    print("\n| confidence | findings | share of rows with the fault |\n|---|---|---|")
    for at, shares in sorted(bins.items()):
        print(f"| .{at}–.{at + 1} | {len(shares)} | {sum(shares) / len(shares):.2f} |")
    print(f"\n{back} of {patches} patches applied and undone byte for byte")


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
    made["ADEngine"] = lambda x: np.asarray(_engine(x))
    return made


def _engine(lines: Any) -> Any:
    from pyod.utils.ad_engine import ADEngine

    engine = ADEngine(random_state=0)
    plan = engine.plan_detection(engine.profile_data(lines))
    return engine.run_detection(lines, plan)["scores_train"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rows", type=int, default=150)
    parser.add_argument("--adbench", type=Path, help="a folder with the .npz files of ADBench")
    parser.add_argument("--labels", type=int, default=0, help="seeds of flipped labels")
    parser.add_argument(
        "--profile", type=int, default=0, help="rows of the table that is reported on"
    )
    parser.add_argument("--vectors", type=int, default=0, help="vectors that are looked at")
    parser.add_argument("--added", type=int, default=0, help="rows to which a hundredth is added")
    parser.add_argument("--large", type=int, default=0, help="rows that are scored")
    parser.add_argument("--quiet", type=int, default=0, help="clean tables made by a seed")
    parser.add_argument("--sure", type=int, help="a seed of faults whose confidence is looked at")
    told = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if told.adbench:
        outliers(told.adbench)
    if told.labels:
        labels(told.labels)
    if told.profile:
        profiles(told.profile)
    if told.vectors:
        vectors(told.vectors)
    if told.added:
        added(told.added)
    if told.large:
        large(told.large)
    if told.quiet:
        quiet(told.quiet)
    if told.sure is not None:
        sureness(told.sure)
    if told.texts:
        near_duplicates(told.texts)
    if told.seeds:
        faults(told.seeds, told.rows)


if __name__ == "__main__":
    main()
