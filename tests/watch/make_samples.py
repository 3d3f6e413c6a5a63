"""Makes tests/watch/samples with the real packages, and what these packages read back from them.

In an environment of its own: torch, tensorboard, wandb, trackio, mlflow-skinny, sqlalchemy, alembic.
"""

import gzip
import json
import math
import os
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path

SAMPLES = Path(__file__).parent / "samples"
LOSS = [2.5, 2.25, 2.0, math.nan, math.inf, 1.5]


def pack(source: Path, name: str) -> None:
    with gzip.GzipFile(SAMPLES / name, "wb", mtime=0) as packed:
        packed.write(source.read_bytes())


def shrunk(base: Path) -> Path:
    with sqlite3.connect(base) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA page_size=512")
        connection.execute("VACUUM")
    connection.close()
    return base


def tensorboard(work: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray
    from torch.utils.tensorboard import SummaryWriter

    expected = {}
    for name, options in {
        "simple": {},
        "tensor": {"new_style": True},
        "double": {"new_style": True, "double_precision": True},
    }.items():
        writer = SummaryWriter(str(work / name))
        for i, loss in enumerate(LOSS):
            writer.add_scalar("loss/train", loss, i * 10, walltime=1.7e9 + i, **options)
            writer.add_scalar("acc", i / 7, i * 10, walltime=1.7e9 + i, **options)
        writer.add_text("note", "no scalar", 0)
        writer.add_histogram("weights", __import__("numpy").arange(5.0), 0)
        writer.close()
        (file,) = (work / name).iterdir()
        shutil.copy(file, SAMPLES / f"events.out.tfevents.{name}")
        known = EventAccumulator(str(file))
        known.Reload()
        points = {
            tag: [[e.step, e.value] for e in known.Scalars(tag)] for tag in known.Tags()["scalars"]
        }
        for tag in known.Tags()["tensors"]:
            if not tag.startswith(("note", "weights")):
                points[tag] = [
                    [e.step, float(make_ndarray(e.tensor_proto))] for e in known.Tensors(tag)
                ]
        expected[name] = points
    (SAMPLES / "tfevents.json").write_text(json.dumps(expected, indent=1) + "\n")


def wandb(work: Path) -> None:
    import wandb

    settings = wandb.Settings(
        silent=True,
        console="off",
        x_disable_stats=True,
        x_disable_meta=True,
        program="train.py",
        program_abspath="train.py",
        program_relpath="train.py",
        host="host",
        disable_git=True,
        disable_code=True,
    )
    os.chdir(work)
    run = wandb.init(project="p", name="brisk-otter", dir=".", mode="offline", config={"lr": 0.1},
                     settings=settings)  # fmt: skip
    for i, loss in enumerate(LOSS):
        run.log({"loss": loss, "val": {"acc": i / 7}, "table": [1, 2]}, step=i * 10)
    run.log({"text": "x" * 40_000, "loss": 1.25}, step=100)  # longer than a block of the log
    run.finish()
    (file,) = work.glob("wandb/offline-run-*/*.wandb")
    pack(file, "run.wandb.gz")


def trackio(work: Path) -> None:
    os.environ["TRACKIO_DIR"] = str(work / "trackio")
    import trackio

    for name in ("one", "two"):
        trackio.init(project="p", name=name)
        for i, loss in enumerate(LOSS):
            trackio.log({"loss": loss, "val": {"acc": i / 7}}, step=i * 10)
        trackio.finish()
    pack(shrunk(work / "trackio" / "p.db"), "trackio.db.gz")


def mlflow(work: Path) -> None:
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    import mlflow

    for uri in (f"sqlite:///{work}/mlflow.db", f"file://{work}/mlruns"):
        mlflow.set_tracking_uri(uri)
        mlflow.create_experiment("e", artifact_location="artifacts")
        mlflow.set_experiment("e")
        for name in ("one", "two"):
            with mlflow.start_run(run_name=name):
                for i, loss in enumerate(LOSS):
                    mlflow.log_metrics({"loss": loss, "val/acc": i / 7}, step=i * 10)
    with sqlite3.connect(work / "mlflow.db") as base:  # nothing of the machine goes into the sample
        base.execute("DELETE FROM tags")
        base.execute("UPDATE runs SET artifact_uri = '', source_name = '', user_id = ''")
        base.execute("UPDATE experiments SET artifact_location = ''")
    base.close()
    pack(shrunk(work / "mlflow.db"), "mlflow.db.gz")
    runs = [meta.parent for meta in (work / "mlruns").glob("*/*/meta.yaml")]
    shutil.rmtree(SAMPLES / "mlruns", ignore_errors=True)
    for number, run in enumerate(
        sorted(runs, key=lambda r: (r / "tags/mlflow.runName").read_text())
    ):
        target = SAMPLES / "mlruns" / "1" / f"{number:032x}"
        shutil.copytree(run / "metrics", target / "metrics")
        (target / "tags").mkdir()
        shutil.copy(run / "tags/mlflow.runName", target / "tags")
        kept = [
            line for line in (run / "meta.yaml").read_text().splitlines() if "start_time" in line
        ]
        (target / "meta.yaml").write_text("\n".join(kept) + "\n")


if __name__ == "__main__":
    SAMPLES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for make in (tensorboard, wandb, trackio, mlflow):
            if len(sys.argv) == 1 or make.__name__ in sys.argv[1:]:
                make(Path(folder))
