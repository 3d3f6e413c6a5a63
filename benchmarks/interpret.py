"""How well instructions are understood: exact settings, right questions, nothing guessed.

`benchmarks/interpret/early.jsonl` was at hand while the parser was written; its labels
are labhand's answers, read and corrected. `late.jsonl` was written after
it, in three rounds, in other voices and partly on other projects. What a round showed was mended before
the next was written, so only the first contact tells how the parser meets what it has not seen: 84.5 %
of the settings right in the first round (173 instructions), 94.1 % in the second (144), 90.7 % in the
third (75); set without being said 15, 3 and 4 times. `seen.jsonl` and `held.jsonl` are halves, parted
at random, of what was written before clauses were read: the first was mended on, the second never looked
at (first contact 68.1 % and 83.7 %). `last.jsonl` was written after that (first contact 88.4 %; the
parser of before: 78.6 %). `ours` and `ours_held` are about small scripts, parted at random by project: the
first was mended on, the second shows first contact (87.2 %). `small` and `small_held` came after that in
the same way, in harder words: first contact 73.4 %. `wide` was mended on; `wide_held`, parted from it by
project, shows first contact (80.8 %), as `wide2` (57.7 %) and `wide3` (78.0 %) did, written after it.
`words` and `words_held`, parted by project, were written by somebody who had seen nothing of labhand: `words`
was mended on (first contact 61.2 %), `words_held` shows first contact (65.5 %). So did another with `words2`
(mended on, first contact 60.7 %) and `words2_held` (first contact 48.5 %, run once more when `words2` had been
mended on: 48.9 %; only then it was looked at). The weights of `interpret_weights.py` are fitted on all of these sets, and what is
read wrong in `words_held` and `words2_held` was looked at then.

`public.jsonl` is about public repositories, which are fetched at use: FOLDER holds a clone of each by its
name. Its labels were written before it was tried. `seen` and `held` are halves, parted at random within
each repository; `third` is about five further ones; `fourth` was mended on, `fifth`, parted by
repository, shows first contact (63.9 %); so does `seventh` (62.2 %), and `sixth` was mended on.

    python benchmarks/interpret.py [--show SET] [--public FOLDER]
"""

import argparse
import json
import re
import shutil
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from labhand.core.errors import LabhandError
from labhand.core.run import Metric, Run
from labhand.core.store import Store
from labhand.interpret import interpret

HERE = Path(__file__).parent / "interpret"
SETS = (
    "early", "late", "seen", "held", "last", "ours", "ours_held", "small", "small_held", "wide", "wide2", "wide3", "wide_held",
    "words", "words_held", "words2", "words2_held",
)  # fmt: skip
PUBLIC = ("seen", "held", "third", "fourth", "fifth", "sixth", "seventh")


SEED = re.compile(r"(?:^|[._])(?:seed|prng|seed_everything|random_state)$", re.I)


def same(one, other):
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    numbers = [isinstance(v, int | float) and not isinstance(v, bool) for v in (one, other)]
    if all(numbers):
        return abs(one - other) <= 1e-5 * max(abs(one), abs(other))
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def answered(instruction, project):
    """What labhand understands, in the form of the labels; lengths in epochs and steps are settings."""
    try:
        intent = interpret(instruction, project).intent
    except LabhandError as error:
        return {"error": str(error)}
    vague = {c.key for c in intent.settings if c.origin == "default"}
    swept = dict(intent.sweep)
    parts = {("set", c.key): c.value for c in intent.settings if c.key not in vague}
    parts |= {("sweep", key): values for key, values in swept.items()}
    if intent.seeds is not None:
        parts["seeds", ""] = intent.seeds
    if intent.metric is not None:
        parts["metric", ""] = [intent.metric.name, intent.metric.direction]
    parts |= {
        ("budget", k): v for k, v in (intent.budget or {}).items() if k in ("seconds", "money")
    }
    return {"parts": parts, "code": intent.needs_model, "questions": len(intent.questions)}


def named_as(parts, wanted):
    """The parts found, under the names of the labels: a label may give the last part of a name alone."""
    named = {}
    for (kind, key), value in parts.items():
        short = [
            k
            for kind_, k in wanted
            if kind_ == kind and (key.endswith(f".{k}") or k.endswith(f".{key}"))
        ]
        named[kind, key if (kind, key) in wanted or len(short) != 1 else short[0]] = value
    return named


def expected(label):
    parts = {
        (kind, key): value
        for kind in ("set", "sweep", "budget")
        for key, value in label.get(kind, {}).items()
    }
    parts |= {(kind, ""): label[kind] for kind in ("seeds", "metric") if kind in label}
    return parts


def plain(parts, wanted):
    """The parts found, where a label names only how many seeds or which metric, or the seeds by their setting, in that form."""
    own = next((k for k in wanted if k[0] in ("set", "sweep") and SEED.search(k[1])), None)
    if own is not None and own not in parts and isinstance(parts.get(("seeds", "")), list):
        named = parts["seeds", ""]
        parts = {k: v for k, v in parts.items() if k != ("seeds", "")}
        parts[own] = named if own[0] == "sweep" else named[0]
    seeds, metric = parts.get(("seeds", "")), parts.get(("metric", ""))
    if isinstance(seeds, list) and isinstance(wanted.get(("seeds", "")), int):
        parts = parts | {("seeds", ""): len(seeds)}
    if metric and isinstance(wanted.get(("metric", "")), str):
        parts = parts | {("metric", ""): metric[0]}
    return parts


def judged(label, found):
    """What of a label is found, as counts; `ask` is how many questions, or that any is right."""
    wanted = expected(label)
    parts = plain(named_as(found.get("parts", {}), wanted), wanted)
    right = sum(key in parts and same(parts[key], value) for key, value in wanted.items())
    guessed = sum(not (key in wanted and same(wanted[key], value)) for key, value in parts.items())
    refused, wrong = "error" in found, bool(label.get("error"))
    asks, questions = label.get("ask", 0), found.get("questions", 0)
    needless = 0 if asks is True else max(0, questions - asks)
    code = bool(label.get("code"))
    exact = (
        refused == wrong and right == len(wanted) and not guessed
        and found.get("code", False) == code and questions >= asks and not needless
    )  # fmt: skip
    return {
        "cases": 1, "exact": exact, "parts": len(wanted), "right": right, "guessed": guessed,
        "asked": int(asks), "asked_right": min(asks, questions), "needless": needless,
        "code": code, "code_right": code and found.get("code", False),
        "wrong_input": wrong, "refused": wrong and refused,
    }  # fmt: skip


def score(cases, projects, show):
    """The counts over all cases; of labels that are just as right the one that fits best counts."""
    counts = {}
    started = time.process_time()
    for case in cases:
        label = case["label"]
        found = answered(case["say"], projects[case["project"]])
        ways = [judged(way, found) for way in (label, *label.get("or", ()))]
        best = max(
            ways, key=lambda w: (w["exact"], w["right"] - w["parts"] - w["guessed"], w["right"])
        )
        counts = {key: counts.get(key, 0) + value for key, value in best.items()}
        if show and not best["exact"]:
            print(f"[{case['project']}] {case['say']!r}\n    wanted {label}\n    found  {found}")
    counts["cpu_ms"] = round(1000 * (time.process_time() - started) / len(cases), 1)
    return counts


def remember(place):
    """Lays the runs of a project's record.json into its home, so many days ago."""
    path = place / "record.json"
    if not path.exists():
        return
    script = max(place.glob("*.py"), key=lambda p: "__main__" in p.read_text()).name
    store = Store(place / ".labhand")
    for told in sorted(json.loads(path.read_text()), key=lambda told: -told["days"]):
        run_id, name = store.create(told["name"])
        metrics = {
            n: Metric(points=9, first=v, last=v, min=v, max=v, last_step=9, non_finite=0)
            for n, v in told["metrics"].items()
        }
        started = (datetime.now().astimezone() - timedelta(days=told["days"])).isoformat()
        store.write(
            Run(
                id=run_id, name=name, status="finished", exit_code=0, command=["python", script],
                cwd=str(place), started=started, wall_s=900.0, config=told["config"], metrics=metrics,
            )
        )  # fmt: skip


def told(name, c):
    print(
        f"{name}: {c['cases']} instructions; "
        f"settings right {c['right']}/{c['parts']} ({c['right'] / c['parts']:.1%}), "
        f"set without being said {c['guessed']}; "
        f"questions {c['asked_right']}/{c['asked']}, needless {c['needless']}; "
        f"new code seen {c['code_right']}/{c['code']}; wrong input refused {c['refused']}/{c['wrong_input']}; "
        f"whole intents exact {c['exact'] / c['cases']:.1%}; {c['cpu_ms']} ms CPU each"
    )


def public(clones, temporary, show):
    """Scores what is said of public repositories, of which the parts that are meant are copied."""
    projects = {}
    for name, (clone, *parts) in json.loads((HERE / "public.json").read_text()).items():
        projects[name] = Path(temporary, "public", name)
        projects[name].mkdir(parents=True)
        (projects[name] / "labhand.toml").touch()
        for part in parts:
            source = clones / clone / part
            inside = source.is_dir() and len(parts) == 1
            target = projects[name] if inside else projects[name] / source.name
            if source.is_dir():
                shutil.copytree(
                    source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git")
                )
            else:
                shutil.copy(source, target)
    cases = [json.loads(line) for line in (HERE / "public.jsonl").read_text().splitlines()]
    for part in PUBLIC:
        told(
            f"public {part}", score([c for c in cases if c["part"] == part], projects, show == part)
        )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--public", type=Path, help="The folder of the public repositories.")
    parser.add_argument(
        "--show",
        choices=(*SETS, *PUBLIC),
        help="Print what of this set was not understood exactly.",
    )
    given = parser.parse_args()
    show = given.show
    with tempfile.TemporaryDirectory() as temporary:
        projects = {}
        for place in sorted((HERE / "projects").iterdir()):
            projects[place.name] = Path(temporary, place.name)
            shutil.copytree(place, projects[place.name])
            (projects[place.name] / "labhand.toml").touch()
            remember(projects[place.name])
        for name in SETS:
            path = HERE / f"{name}.jsonl"
            cases = [json.loads(line) for line in path.read_text().splitlines() if line]
            told(name, score(cases, projects, show == name))
        if given.public:
            public(given.public, temporary, show)


if __name__ == "__main__":
    main()
