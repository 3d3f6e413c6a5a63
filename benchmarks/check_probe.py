"""Does a probe of the first steps find what can be seen there, and nothing else? On the trainings of `failures/`.

    python benchmarks/check_probe.py [--only NAME ...] [--jobs N] [--keep FILE.jsonl]

Each script is looked at by `labhand check --probe --format json -- python SCRIPT` in a project of its own.
`PROVEN` says what a few steps can prove of it; of all others, the healthy ones among them, nothing may be.
A finding counts as told where the probe has made or raised it.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from failures import BESIDE, SCRIPTS, Script

PROVEN = {
    "softmax_twice": {"loss-double-softmax"},
    "unseen/softmax_in_unet": {"loss-double-softmax"},
    "unseen/sigmoid_twice": {"loss-double-sigmoid"},
    "unseen/broadcast_target": {"loss-broadcast"},
    "frozen_backbone": {"frozen-parameters"},
    "detached_branch": {"frozen-parameters"},
    "optimizer_of_old_model": {"optim-before-change"},
    "optimizer_of_the_average": {"nothing-trainable"},
    "unseen/copied_model": {"nothing-trainable"},
    "eval_without_eval": {"mode-eval-missing"},
    "training_in_eval_mode": {"mode-train-not-restored"},
    "unseen/still_in_eval": {"mode-train-not-restored"},
    "sorted_by_class": {"shuffle-off-train"},
    "unseen/sorted_folder": {"shuffle-off-train"},
    "worker_seeds": {"worker-numpy-seed"},
    "bad_init": {"initial-loss"},
    "dead_relu": {"not-learning"},
    "deep_sigmoid": {"not-learning"},
}
"""What a few steps can prove, by script."""
ALSO = {
    "same_batch": {"shuffle-off-train"},
    "no_normalisation": {"initial-loss"},
}
"""What may be told besides, being true too."""
DEADLINE = 600.0


def look(script: Script) -> dict:
    """What the probe told of one script."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for path in (script.folder / f"{script.name}.py", *(SCRIPTS / f"{n}.py" for n in BESIDE), *(script.folder / f"{n}.py" for n in BESIDE)):  # fmt: skip
            if path.is_file():
                shutil.copy(path, folder)
        subprocess.run(["git", "init", "-q", "."], cwd=folder, check=True)
        for arguments in script.before:
            subprocess.run([sys.executable, f"{script.name}.py", *arguments.split()], cwd=folder, check=False, capture_output=True)  # fmt: skip
        command = [
            sys.executable,
            *script.launch.split(),
            f"{script.name}.py",
            *script.arguments.split(),
        ]
        said = subprocess.run(
            [sys.executable, "-m", "labhand", "check", "--probe", "--format", "json", f"{script.name}.py", "--", *command],
            cwd=folder, check=False, capture_output=True, text=True, timeout=DEADLINE,
        )  # fmt: skip
    answer = json.loads(said.stdout) if said.stdout else {"findings": [], "summary": {}}
    told = {f["rule"]: f["message"] for f in answer["findings"] if "measured" in f["evidence"]}
    here = script.folder.name
    return {
        "script": f"{here}/{script.name}" if here == "unseen" else script.name,
        "told": told, "dropped": answer["summary"].get("dropped", []),
        "probe": answer["summary"].get("probe"), "error": said.stderr.strip()[-300:],
        "seconds": round(time.monotonic() - began, 1),
    }  # fmt: skip


def judge(seen: dict) -> tuple[set[str], set[str], set[str]]:
    """Rules rightly told, missed, and told wrongly."""
    wanted, told = PROVEN.get(seen["script"], set()), set(seen["told"])
    return wanted & told, wanted - told, told - wanted - ALSO.get(seen["script"], set())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    paths = [p for p in (*sorted(SCRIPTS.glob("*.py")), *sorted((SCRIPTS / "unseen").glob("*.py")))]
    scripts = [Script.read(p) for p in paths if p.stem not in BESIDE]
    scripts = [s for s in scripts if not asked.only or s.name in asked.only]
    count: Counter[str] = Counter()
    with ThreadPoolExecutor(asked.jobs) as pool:
        for seen in pool.map(look, scripts):
            right, missed, wrong = judge(seen)
            count.update(right=len(right), missed=len(missed), wrong=len(wrong), clean=not wrong)
            marks = [f"✓ {r}" for r in right] + [f"missed {r}" for r in missed] + [f"WRONG {r}: {seen['told'][r]}" for r in wrong]  # fmt: skip
            print(f"{seen['script']:32} {seen['seconds']:6.1f} s  {'; '.join(marks) or 'silent'}  {seen['error']}", flush=True)  # fmt: skip
            if asked.keep:
                with asked.keep.open("a") as file:
                    file.write(json.dumps(seen) + "\n")
    print(f"\n{len(scripts)} scripts: {dict(count)}")


if __name__ == "__main__":
    main()
