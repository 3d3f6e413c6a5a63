"""Rows written as tools write them, by the tools themselves where they are installed."""

import json
import logging
import math
import os
from collections.abc import Callable
from pathlib import Path

from .trainings import Rows

os.environ.setdefault("WANDB_MODE", "offline")


def _lines(path: Path, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def csv(path: Path, rows: Rows, spell: Callable[[float], str] = str) -> Path:
    """A table with a header, cells empty where a row lacks a value."""
    names = list(dict.fromkeys(key for row in rows for key in row))

    def cell(value) -> str:
        return "" if value is None else spell(value) if isinstance(value, float) else str(value)

    lines = [",".join(names)] + [",".join(cell(row.get(n)) for n in names) for row in rows]
    return _lines(path, lines)


def lightning_csv(folder: Path, rows: Rows) -> Path:
    """Lightning's CSVLogger itself."""
    from lightning.pytorch.loggers import CSVLogger

    logger = CSVLogger(folder, name="run")
    for row in rows:
        logger.log_metrics({k: v for k, v in row.items() if k != "step"}, row["step"])
    logger.save()
    return Path(logger.log_dir) / "metrics.csv"


def jsonl(path: Path, rows: Rows) -> Path:
    """A JSON document a line, NaN as Python writes it."""
    return _lines(path, [json.dumps(row) for row in rows])


def tfevents(folder: Path, rows: Rows) -> Path:
    """TensorBoard's SummaryWriter itself."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for row in rows:
            for key, value in row.items():
                if key not in ("step", "time"):
                    writer.add_scalar(key, value, row["step"], walltime=row.get("time"))
    return folder


def wandb(folder: Path, rows: Rows, config: dict | None = None) -> Path:
    """A run of wandb without a network."""
    import wandb as tool

    folder.mkdir(parents=True, exist_ok=True)
    run = tool.init(
        project="x", dir=folder, mode="offline", config=config, settings=tool.Settings(silent=True)
    )
    for row in rows:
        run.log({k: v for k, v in row.items() if k != "step"}, step=row["step"])
    run.finish()
    return next(folder.rglob("*.wandb"))


def mlflow(folder: Path, rows: Rows) -> Path:
    """A file store of mlflow."""
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    import mlflow as tool

    folder.mkdir(parents=True, exist_ok=True)
    tool.set_tracking_uri((folder / "mlruns").as_uri())
    with tool.start_run():
        for row in rows:
            tool.log_metrics({k: v for k, v in row.items() if k != "step"}, step=row["step"])
    return folder / "mlruns"


def trackio(folder: Path, rows: Rows) -> Path:
    """A local store of trackio."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["TRACKIO_DIR"] = str(folder)
    import trackio as tool

    tool.init(project="x", embed=False)
    for row in rows:
        tool.log({k: v for k, v in row.items() if k != "step"}, step=row["step"])
    tool.finish()
    return next(folder.rglob("*.db"))


def parquet(path: Path, rows: Rows) -> Path:
    """A table of pandas."""
    import pandas

    path.parent.mkdir(parents=True, exist_ok=True)
    pandas.DataFrame(rows).to_parquet(path)
    return path


def trainer_state(path: Path, rows: Rows, total: int) -> Path:
    """What the HF Trainer saves beside a checkpoint, the evaluations as entries of their own."""
    history: Rows = []
    for row in rows:
        head = {"epoch": row["epoch"], "grad_norm": row["grad_norm"], "learning_rate": row["lr"], "loss": row["loss"], "step": row["step"]}  # fmt: skip
        history.append(head)
        if "val_loss" in row:
            history.append({"epoch": row["epoch"], "eval_loss": row["val_loss"], "eval_runtime": 0.9, "step": row["step"]})  # fmt: skip
    state = {"best_metric": None, "epoch": rows[-1]["epoch"], "global_step": rows[-1]["step"], "is_local_process_zero": True, "log_history": history, "max_steps": total, "num_train_epochs": 3, "total_flos": 1e12}  # fmt: skip
    return _lines(path, [json.dumps(state, indent=2)])


def hf_printed(path: Path, rows: Rows) -> Path:
    """Dicts as the HF Trainer prints them."""
    lines = []
    for row in rows:
        lines.append(str({"loss": round(row["loss"], 4), "grad_norm": row["grad_norm"], "learning_rate": row["lr"], "epoch": round(row["epoch"], 2)}))  # fmt: skip
        if "val_loss" in row:
            lines.append(str({"eval_loss": row["val_loss"], "eval_accuracy": row.get("val_acc"), "eval_runtime": 1.2, "epoch": round(row["epoch"], 2)}))  # fmt: skip
    return _lines(path, lines)


def nanogpt(path: Path, rows: Rows) -> Path:
    """Lines of nanoGPT's train.py."""
    lines = ["tokens per iteration will be: 16,384", "number of parameters: 0.80M"]
    for row in rows:
        if "val_loss" in row:
            lines.append(f"step {row['step']}: train loss {row['loss']:.4f}, val loss {row['val_loss']:.4f}")  # fmt: skip
        lines.append(f"iter {row['step']}: loss {row['loss']:.4f}, time {row['seconds'] * 1e3:.2f}ms, mfu {1.231 / row['seconds']:.2f}%")  # fmt: skip
    return _lines(path, lines)


def tqdm(path: Path, rows: Rows, total: int) -> Path:
    """A bar of tqdm as it ends up in a file, carriage returns and all."""
    from tqdm import tqdm as bar

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        shown = bar(total=total, file=out, mininterval=0, ncols=110, desc="train")
        for row in rows:
            shown.set_postfix(loss=f"{row['loss']:.4f}", lr=f"{row['lr']:.2e}", refresh=False)
            shown.update(row["step"] - shown.n)
        shown.close()
    return path


def fairseq(path: Path, rows: Rows) -> Path:
    """Lines of fairseq-train with its simple log."""
    lines = []
    for row in rows:
        lines.append(f"2026-03-01 10:{row['step'] // 60 % 60:02d}:{row['step'] % 60:02d} | INFO | train_inner | epoch 001: {row['step']:6d} / 9000 loss={row['loss'] / math.log(2):.3f}, nll_loss={row['loss'] / math.log(2) - 0.3:.3f}, ppl={2 ** min(60, row['loss'] / math.log(2)):.2f}, wps=31200.1, ups=3.2, wpb=9740.2, bsz=310.1, num_updates={row['step']}, lr={row['lr']:.6g}, gnorm={row['grad_norm']:.3f}, train_wall=31, wall=0")  # fmt: skip
        if "val_loss" in row:
            lines.append(f"2026-03-01 10:{row['step'] // 60 % 60:02d}:{row['step'] % 60:02d} | INFO | valid | epoch {int(row['epoch']) + 1:03d} | valid on 'valid' subset | loss {row['val_loss'] / math.log(2):.3f} | nll_loss {row['val_loss'] / math.log(2) - 0.3:.3f} | wps 90211 | num_updates {row['step']}")  # fmt: skip
    return _lines(path, lines)


def mmdet(path: Path, rows: Rows, score: str = "bbox_mAP") -> Path:
    """Lines of an mmengine runner; memory where rows have it."""
    lines = []
    for row in rows:
        epoch = int(row["epoch"] - 1e-9) + 1
        parts = "  ".join(f"{k}: {v:.4f}" for k, v in row.items() if k.startswith("loss"))
        lines.append(f"03/01 10:00:00 - mmengine - INFO - Epoch(train)  [{epoch}][{row['step']:5d}/9000]  lr: {row['lr']:.4e}  eta: 1:02:11  time: {row['seconds']:.4f}  data_time: {row.get('data', 0.005):.4f}  memory: {row.get('memory', 5123):.0f}  grad_norm: {row['grad_norm']:.4f}  {parts}")  # fmt: skip
        if "val_acc" in row:
            lines.append(f"03/01 10:00:00 - mmengine - INFO - Epoch(val) [{epoch}][40/40]    coco/{score}: {row['val_acc']:.4f}  data_time: 0.0031  time: 0.0212")  # fmt: skip
    return _lines(path, lines)


def detectron2(path: Path, rows: Rows) -> Path:
    """Lines of detectron2's CommonMetricPrinter."""
    lines = [
        f"[03/01 10:00:00 d2.utils.events]:  eta: 0:31:02  iter: {row['step']}  total_loss: {row['loss']:.4g}  loss_cls: {row['loss'] * 0.7:.4g}  loss_box_reg: {row['loss'] * 0.3:.4g}    time: {row['seconds']:.4f}  last_time: {row['seconds']:.4f}  data_time: {row.get('data', 0.0061):.4f}  last_data_time: {row.get('data', 0.0061):.4f}   lr: {row['lr']:.5g}  max_mem: {row.get('memory', 2912):.0f}M"
        for row in rows
    ]
    return _lines(path, lines)


def ultralytics_csv(path: Path, rows: Rows) -> Path:
    """results.csv of ultralytics, one row an epoch."""
    out = [
        {
            "epoch": at + 1,
            "time": 9.1 * (at + 1),
            "train/box_loss": row["loss"] * 0.8,
            "train/cls_loss": row["loss"],
            "train/dfl_loss": row["loss"] * 0.3 + 0.8,
            "metrics/precision(B)": row["val_acc"] * 0.9,
            "metrics/recall(B)": row["val_acc"] * 0.8,
            "metrics/mAP50(B)": row["val_acc"] * 0.85,
            "metrics/mAP50-95(B)": row["val_acc"] * 0.6,
            "val/box_loss": row["val_loss"] * 0.8,
            "val/cls_loss": row["val_loss"],
            "val/dfl_loss": row["val_loss"] * 0.3 + 0.8,
            "lr/pg0": row["lr"],
            "lr/pg1": row["lr"],
        }
        for at, row in enumerate(rows)
    ]
    return csv(path, out, lambda v: f"{v:.5g}")


def ultralytics_printed(path: Path, rows: Rows) -> Path:
    """The table that ultralytics prints while it trains."""
    lines = []
    for at, row in enumerate(rows):
        lines += ["      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size"]
        lines += [f"     {at + 1:3d}/{len(rows)}      {row.get('memory', 2310) / 1000:.3g}G      {row['loss'] * 0.8:.4g}      {row['loss']:.4g}      {row['loss'] * 0.3 + 0.8:.4g}         42        640: 100%|██████████| 44/44 [00:09<00:00,  4.8it/s]"]  # fmt: skip
        lines += ["                 Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100%|██████████| 4/4 [00:00<00:00,  5.1it/s]"]  # fmt: skip
        lines += [f"                   all        397        929      {row['val_acc'] * 0.9:.3g}      {row['val_acc'] * 0.8:.3g}      {row['val_acc'] * 0.85:.3g}      {row['val_acc'] * 0.6:.3g}"]  # fmt: skip
    return _lines(path, lines)


def timm(path: Path, rows: Rows) -> Path:
    """Lines of timm's train.py."""
    lines = []
    for at, row in enumerate(rows):
        lines.append(f"Train: {at} [  43/44 (100%)]  Loss: {row['loss']:#.3g} ({row['loss']:#.3g})  Time: {row['seconds']:.3f}s,  320.11/s  ({row['seconds']:.3f}s,  320.11/s)  LR: {row['lr']:.3e}  Data: 0.004 (0.006)")  # fmt: skip
        lines.append(f"Test: [  12/12]  Time: 0.041 (0.052)  Loss:  {row['val_loss']:6.3f} ({row['val_loss']:6.3f})  Acc@1: {row['val_acc'] * 100:6.3f} ({row['val_acc'] * 100:6.3f})  Acc@5: {100 - (1 - row['val_acc']) * 50:6.3f} ({100 - (1 - row['val_acc']) * 50:6.3f})")  # fmt: skip
    return _lines(path, lines)


def keras_printed(path: Path, rows: Rows) -> Path:
    """The progress lines of Keras, one an epoch, as they are without a terminal."""
    lines = []
    for at, row in enumerate(rows):
        lines.append(f"Epoch {at + 1}/{len(rows)}")
        lines.append(f"44/44 - 1s - 21ms/step - accuracy: {row.get('acc', row['val_acc']):.4f} - loss: {row['loss']:.4f} - val_accuracy: {row['val_acc']:.4f} - val_loss: {row['val_loss']:.4f} - learning_rate: {row['lr']:.4e}")  # fmt: skip
    return _lines(path, lines)


def rich_table(path: Path, rows: Rows) -> Path:
    """A table of rich, printed at the end to a file."""
    from rich.console import Console
    from rich.table import Table

    names = list(rows[0])
    table = Table(*names, title="training")
    for row in rows:
        table.add_row(
            *(f"{row[n]:.4g}" if isinstance(row[n], float) else str(row[n]) for n in names)
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        Console(file=out, width=120).print(table)
    return path


def logged(path: Path, rows: Rows, line: str, head: str = "%(asctime)s %(levelname)s %(name)s: %(message)s") -> Path:  # fmt: skip
    """Lines of Python's logging, the message by a format string over the row."""
    handler = logging.FileHandler(_lines(path, ["start"]), mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter(head))
    logger = logging.Logger("trainer")
    logger.addHandler(handler)
    for row in rows:
        logger.info(line.format(**row))
    handler.close()
    return path


def said(path: Path, rows: Rows, line: str, evaluation: str = "") -> Path:
    """Lines in one's own words, by a format string over the row, and one more at evaluations."""
    lines = []
    for row in rows:
        lines.append(line.format(**row))
        if evaluation and "val_loss" in row:
            lines.append(evaluation.format(**row))
    return _lines(path, lines)


def sb3_table(path: Path, rows: Rows) -> Path:
    """Tables of Stable-Baselines3, by its own writer."""
    from stable_baselines3.common.logger import HumanOutputFormat, Logger

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        logger = Logger(None, [HumanOutputFormat(out)])
        for row in rows:
            for key, value in row.items():
                if key != "step":
                    logger.record(key, value)
            logger.dump(row["step"])
    return path
