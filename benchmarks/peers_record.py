"""One recorder each: how it is called, and how one metric is read back. Runs in the Python it is in.

    python peers_record.py write NAME FOLDER STEPS CAP     logs a random walk at full speed
    python peers_record.py kill NAME FOLDER COUNTER        logs 200 steps a second until it is killed
    python peers_record.py read NAME FOLDER METRIC STARTED reads one metric in this fresh process

Prints one line of JSON. `record.py` calls it.
"""

import json
import mmap
import os
import random
import struct
import sys
import time
from pathlib import Path

NAMES = [f"train/metric_{i}" for i in range(20)]


def walk(steps, seed=0):
    """Twenty random walks of float64, a dict a step."""
    draw = random.Random(seed).gauss
    now = [2.0] * len(NAMES)
    for _ in range(steps):
        now = [value + draw(0.0, 0.01) for value in now]
        yield dict(zip(NAMES, now, strict=True))


class Raw:
    """The limit: a packed row appended by one write(2), no names, no checks, nothing else."""

    def __init__(self, folder):
        self.fd = os.open(folder / "raw.bin", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.pack = struct.Struct("<qd20d").pack

    def log(self, values, step):
        os.write(self.fd, self.pack(step, time.time(), *values.values()))

    def finish(self):
        os.close(self.fd)

    @staticmethod
    def read(folder, name):
        data = (folder / "raw.bin").read_bytes()
        whole = len(data) // 176 * 176
        column = NAMES.index(name)
        return [row[2 + column] for row in struct.iter_unpack("<qd20d", data[:whole])]


class Labhand:
    def __init__(self, folder):
        (folder / "attempts/1").mkdir(parents=True)
        os.environ["LABHAND_ATTEMPT"] = str(folder / "attempts/1")
        import labhand

        self._log = labhand.log

    def log(self, values, step):
        self._log(values, step)

    def finish(self):
        from labhand.probe import points

        points.close_all()

    @staticmethod
    def read(folder, name):
        from labhand.kit import points

        return points.series(folder, name).values


class Trackio:
    def __init__(self, folder):
        os.environ["TRACKIO_DIR"] = str(folder)
        import trackio

        self.trackio = trackio
        trackio.init(project="bench", name="bench", embed=False, auto_log_cpu=False)

    def log(self, values, step):
        self.trackio.log(values, step=step)

    def finish(self):
        self.trackio.finish()

    @staticmethod
    def read(folder, name):
        os.environ["TRACKIO_DIR"] = str(folder)
        from trackio.sqlite_storage import SQLiteStorage

        return [row[name] for row in SQLiteStorage.get_logs("bench", "bench") if name in row]


class Wandb:
    def __init__(self, folder):
        os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_DIR=str(folder))
        import wandb

        self.run = wandb.init(project="bench")

    def log(self, values, step):
        self.run.log(values, step=step)

    def finish(self):
        self.run.finish()

    @staticmethod
    def read(folder, name):
        """wandb 0.31 has no reader of its own files in Python: the records of its LevelDB log."""
        from wandb.proto.wandb_internal_pb2 import Record

        found = []
        (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
        for data in leveldb_records(path.read_bytes()[7:], 7):
            record = Record()
            record.ParseFromString(data)
            for item in record.history.item:
                if name in (item.key, "/".join(item.nested_key)):
                    found.append(json.loads(item.value_json))
        return found


def leveldb_records(data, offset):
    """The whole records of a LevelDB log whose first `offset` bytes are cut off."""
    at, parts = 0, []
    while at + 7 <= len(data):
        left = 32768 - (at + offset) % 32768
        if left < 7:
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        if kind not in (1, 2, 3, 4) or at + 7 + length > len(data):
            return
        parts.append(data[at + 7 : at + 7 + length])
        at += 7 + length
        if kind in (1, 4):
            yield b"".join(parts)
            parts = []


class Tensorboard:
    def __init__(self, folder):
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder))

    def log(self, values, step):
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def finish(self):
        self.writer.close()

    @staticmethod
    def read(folder, name):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
        events.Reload()
        return [event.value for event in events.Scalars(name)]


class Mlflow:
    def __init__(self, folder):
        import mlflow

        self.mlflow = mlflow
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.set_experiment("bench")
        mlflow.start_run()

    def log(self, values, step):
        self.mlflow.log_metrics(values, step=step)

    def finish(self):
        self.mlflow.end_run()

    @staticmethod
    def read(folder, name):
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
        experiment = client.get_experiment_by_name("bench")
        (run,) = client.search_runs([experiment.experiment_id])
        return [metric.value for metric in client.get_metric_history(run.info.run_id, name)]


class Aim:
    def __init__(self, folder):
        import aim

        self.run = aim.Run(
            repo=str(folder), system_tracking_interval=None, capture_terminal_logs=False
        )

    def log(self, values, step):
        for name, value in values.items():
            self.run.track(value, name=name, step=step)

    def finish(self):
        self.run.close()

    @staticmethod
    def read(folder, name):
        import aim
        from aim.storage.context import Context

        (key,) = aim.Repo(str(folder)).list_all_runs()
        # Opened for reading only, Aim 3.29 finds no metric in a run that is not indexed yet.
        run = aim.Run(key, repo=str(folder), system_tracking_interval=None)
        return run.get_metric(name, Context({})).values.sparse_list()[1]


BACKENDS = {
    "raw": Raw,
    "labhand": Labhand,
    "trackio": Trackio,
    "wandb": Wandb,
    "tensorboard": Tensorboard,
    "mlflow": Mlflow,
    "aim": Aim,
}


def write(name, folder, steps, cap):
    began = time.perf_counter()
    backend = BACKENDS[name](folder)
    first = next(walk(1, seed=1))
    backend.log(first, 0)
    ready = time.perf_counter()
    calls, spent = [], 0.0
    rows = list(walk(steps))
    clock = time.perf_counter_ns
    start = time.perf_counter()
    for step, values in enumerate(rows, 1):
        at = clock()
        backend.log(values, step)
        calls.append(clock() - at)
        if step % 64 == 0 and time.perf_counter() - start > cap:
            break
    backend.finish()
    spent = time.perf_counter() - start
    calls.sort()
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    return {
        "steps": len(calls) + 1,
        "start_s": ready - began,
        "points_per_s": len(calls) * len(NAMES) / spent,
        "p50_us": calls[len(calls) // 2] / 1e3,
        "p99_us": calls[int(len(calls) * 0.99)] / 1e3,
        "bytes_per_point": size / ((len(calls) + 1) * len(NAMES)),
    }


def kill(name, folder, counter):
    backend = BACKENDS[name](folder)
    with open(counter, "r+b") as file:
        seen = mmap.mmap(file.fileno(), 8)
        for step, values in enumerate(walk(10**6)):
            due = time.perf_counter() + 0.005
            backend.log(values, step)
            seen[:8] = (step + 1).to_bytes(8, "little")
            time.sleep(max(0.0, due - time.perf_counter()))


def main():
    what, name, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    if what == "write":
        told = write(name, folder, int(sys.argv[4]), float(sys.argv[5]))
    elif what == "kill":
        kill(name, folder, sys.argv[4])
        return
    else:
        values = BACKENDS[name].read(folder, sys.argv[4])
        told = {"read_s": time.time() - float(sys.argv[5]), "points": len(values)}
    sys.stdout.write("\nRESULT " + json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
