"""Fits how likely each setting that interpret reads is right, on all sets of `benchmarks/interpret`.

Each setting that the readers take of an instruction is one sample: what can be told of its reading
(`labhand.interpret.scored.features`), and whether a label says it. A small logistic model is fitted; its strength
of regularisation is chosen by folds grouped by project. What is told of it is from leaving each set out in turn, by a
model that never saw the set: how many of the settings set are wrong, how many right ones are asked instead.

    python benchmarks/interpret_weights.py [--write]
"""

import argparse
import functools
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold, cross_val_predict

import interpret as sets
from labhand.core.errors import LabhandError
from labhand.interpret import reading, scored
from labhand.kit import settings

WEIGHTS = Path(scored.__file__).with_name("weights.toml")
LOST = 0.003
"""The share of right settings that may be asked for instead; to have 1 of 200 wrong would cost two of three."""


def samples():
    """Set, project, features and truth of each setting that is read."""
    settings.discover = functools.cache(settings.discover)
    with tempfile.TemporaryDirectory() as temporary:
        places = {}
        for place in sorted((sets.HERE / "projects").iterdir()):
            places[place.name] = Path(temporary, place.name)
            shutil.copytree(place, places[place.name])
            (places[place.name] / "labhand.toml").touch()
            sets.remember(places[place.name])
        for name in sets.SETS:
            for line in (sets.HERE / f"{name}.jsonl").read_text().splitlines():
                case = json.loads(line)
                try:
                    draft, _ = reading.understood(
                        case["say"], places[case["project"]], reading.SURE
                    )
                except LabhandError:
                    continue
                ways = [sets.expected(w) for w in (case["label"], *case["label"].get("or", ()))]
                for said in draft.said:
                    if said.origin == "said":
                        right = any(is_right(said, wanted) for wanted in ways)
                        yield name, case["project"], scored.features(draft, said), right


def is_right(said, wanted):
    """Whether a label says a setting; seeds may stand by themselves."""
    key, values = said.known.key, said.values
    part = (("sweep", key), values) if len(values) > 1 else (("set", key), values[0])
    named = sets.plain(sets.named_as(dict([part]), wanted), wanted)
    if any(k in wanted and sets.same(v, wanted[k]) for k, v in named.items()):
        return True
    told = wanted.get(("seeds", ""))
    return bool(sets.SEED.search(key)) and told in (values, len(values), values[0])


def table(found):
    """The samples as numbers: names of the features, their values, the truth, sets and projects."""
    names = sorted({name for _, _, told, _ in found for name in told})
    values = np.array([[told.get(n, 0.0) for n in names] for _, _, told, _ in found])
    truth = np.array([right for *_, right in found])
    return (
        names,
        values,
        truth,
        np.array([s for s, *_ in found]),
        np.array([p for _, p, *_ in found]),
    )


def model(strength):
    return LogisticRegression(C=strength, max_iter=3000)


def strength_of(values, truth, projects):
    """The regularisation that tells most in folds by project."""

    def loss(strength):
        chances = cross_val_predict(
            model(strength),
            values,
            truth,
            groups=projects,
            cv=GroupKFold(5),
            method="predict_proba",
        )
        return log_loss(truth, chances)

    return min((0.03, 0.1, 0.3, 1.0), key=loss)


def least_of(chances, truth):
    """The highest chance below which no more than `LOST` of the right settings are."""
    return float(np.floor(1000 * np.quantile(chances[truth], LOST)) / 1000)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="writes the weights into the package")
    write = parser.parse_args().write
    names, values, truth, groups, projects = table(list(samples()))
    strength = strength_of(values, truth, projects)
    chances = np.zeros(len(truth))
    for name in sets.SETS:
        # A project of the set that is left out is in no other part of what is fitted.
        known = ~np.isin(projects, projects[groups == name])
        fitted = model(strength).fit(values[known], truth[known])
        chances[groups == name] = fitted.predict_proba(values[groups == name])[:, 1]
    least = least_of(chances, truth)
    print(f"{len(truth)} settings read, {(~truth).sum()} of them wrong; regularisation {strength}")
    for at in sorted({0.0, 0.5, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, round(least, 3)}):
        kept = chances >= at
        print(
            f"  from {at:.3f}: wrong {(~truth & kept).sum()} of {kept.sum()} set "
            f"({(~truth & kept).sum() / max(1, kept.sum()):.2%}), right ones lost {(truth & ~kept).sum()} "
            f"({(truth & ~kept).sum() / truth.sum():.1%})"
        )
    fitted = model(strength).fit(values, truth)
    weights = dict(zip(names, fitted.coef_[0], strict=True)) | {"bias": fitted.intercept_[0]}
    for name, weight in sorted(weights.items(), key=lambda w: -abs(w[1])):
        print(f"    {weight:+.2f} {name}")
    if write:
        lines = [f'"{n}" = {w:.3f}' for n, w in sorted(weights.items()) if abs(w) >= 0.05]
        WEIGHTS.write_text(f"least = {least:.3f}\n\n[weights]\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
