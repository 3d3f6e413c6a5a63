"""Logs that a stranger simulated, in the styles of several trainers, with the stranger's labels."""

import json
import subprocess
import sys
from pathlib import Path

from logs import cases

HERE = Path(__file__).parent
NEAR = 4
"""A step is right within this share of the one of the label."""


def _case(label: dict) -> None:
    def write(folder: Path) -> Path:
        subprocess.run(
            [sys.executable, HERE / "simulated_maker.py"],
            cwd=folder,
            check=True,
            capture_output=True,
        )
        return folder / label["file"]

    write.__name__ = label["file"].replace(".", "_")
    if label["half"] == "held":
        cases.HELD |= {write.__name__}
    if label["rules"]:
        step = label["step"]
        within = 0 if step is None else max(NEAR, step // NEAR)
        cases.ill("|".join(label["rules"]), may=" ".join(label["rules"]), at=step, within=within)(
            write
        )
    else:
        cases.healthy()(write)


for line in (HERE / "simulated.jsonl").read_text(encoding="utf-8").splitlines():
    _case(json.loads(line))
