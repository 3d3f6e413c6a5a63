"""How many of the settings that a colleague would name are found, in thirty styles of taking them.

`benchmarks/interpret/styles` holds a small project of each style (argparse, attrs, docopt, sacred, gin, a Makefile,
…), written and labelled by somebody who had seen nothing of labhand. At first contact 303 of the 500 settings
were found, 60.6 %; the projects were then mended on. A setting counts by its name, or its last part.

    python benchmarks/settings.py [--show]
"""

import argparse
import json
from pathlib import Path

from labhand.core.errors import LabhandError
from labhand.kit.settings import discover

HERE = Path(__file__).parent / "interpret"


def plain(name):
    return name.replace("-", "_").lower()


def missing(project, script, wanted):
    """The settings that a colleague names and that are not found."""
    root = HERE / "styles" / project
    try:
        found = {plain(s.name) for s in discover(root / script, root)}
    except LabhandError:
        found = set()
    ends = {name.rpartition(".")[2] for name in found}
    return [name for name in wanted if plain(name).rpartition(".")[2] not in ends]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--show", action="store_true", help="what is not found, by project")
    show = parser.parse_args().show
    lines = (HERE / "styles.jsonl").read_text().splitlines()
    labelled = [json.loads(line) for line in lines]
    lost = 0
    for one in labelled:
        away = missing(one["project"], one["script"], one["settings"])
        lost += len(away)
        if show and away:
            print(f"{one['project']}: {', '.join(away)}")
    total = sum(len(one["settings"]) for one in labelled)
    print(f"{total - lost} of {total} settings found, {100 * (total - lost) / total:.1f} %")


if __name__ == "__main__":
    main()
