"""Healthy trainings by trainers that write their logs themselves."""

import contextlib
import os
from pathlib import Path

import torch
from torch.nn import functional as F

from . import writers as w
from .cases import healthy
from .trainings import digits, mlp, prices, text


def os_environ_torch() -> None:
    """Keras on PyTorch."""
    os.environ["KERAS_BACKEND"] = "torch"


@healthy()
def boosted(to: Path) -> Path:
    """xgboost's own lines, until the validation has not been better for long: it stops in time."""

    import xgboost

    x, y, x_held, y_held = (t.numpy() for t in digits())
    with (to / "out.log").open("w") as out, contextlib.redirect_stdout(out):
        xgboost.train({"objective": "multi:softprob", "num_class": 10, "eta": 0.1, "max_depth": 3, "nthread": 1}, xgboost.DMatrix(x, y), 80, evals=[(xgboost.DMatrix(x, y), "train"), (xgboost.DMatrix(x_held, y_held), "valid")])  # fmt: skip
    return to / "out.log"


@healthy()
def lightgbm_lines(to: Path) -> Path:
    import lightgbm

    x, y, x_held, y_held = (t.numpy() for t in prices())
    lines: list[str] = []

    def keep(env) -> None:
        lines.append(f"[{env.iteration + 1}]\t" + "\t".join(f"{n}'s {m}: {v:g}" for n, m, v, _ in env.evaluation_result_list))  # fmt: skip

    train = lightgbm.Dataset(x, y[:, 0])
    held = train.create_valid(x_held, y_held[:, 0])
    lightgbm.train({"objective": "l2", "learning_rate": 0.05, "num_leaves": 15, "verbose": -1, "num_threads": 1}, train, 150, [train, held], ["training", "valid_1"], callbacks=[keep])  # fmt: skip
    return w._lines(to / "out.log", lines)


@healthy()
def ppo_cart(to: Path) -> Path:
    """PPO of Stable-Baselines3 itself, its table as printed."""

    from stable_baselines3 import PPO

    with (to / "out.log").open("w") as out, contextlib.redirect_stdout(out):
        PPO("MlpPolicy", "CartPole-v1", n_steps=512, verbose=1, seed=1, device="cpu").learn(14_000)
    return to / "out.log"


@healthy()
def dqn_cart(to: Path) -> Path:
    """DQN of Stable-Baselines3 itself, its progress.csv."""
    from stable_baselines3 import DQN
    from stable_baselines3.common.logger import configure

    model = DQN("MlpPolicy", "CartPole-v1", learning_starts=500, seed=1, device="cpu")
    model.set_logger(configure(str(to), ["csv"]))
    model.learn(12_000, log_interval=4)
    return to / "progress.csv"


@healthy()
def hf_itself(to: Path) -> Path:
    """The HF Trainer itself, a small causal model of the characters."""
    from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

    rows = text()[: 32 * 500].view(-1, 32)
    data = [{"input_ids": r, "labels": r} for r in rows]
    model = GPT2LMHeadModel(GPT2Config(vocab_size=28, n_positions=32, n_embd=32, n_layer=2, n_head=2))  # fmt: skip
    arguments = TrainingArguments(output_dir=str(to / "o"), max_steps=240, logging_steps=10, eval_strategy="steps", eval_steps=40, per_device_train_batch_size=8, learning_rate=2e-3, warmup_steps=20, report_to=[], use_cpu=True, save_steps=240, disable_tqdm=True)  # fmt: skip
    Trainer(model, arguments, train_dataset=data[:440], eval_dataset=data[440:]).train()
    return next((to / "o").rglob("trainer_state.json"))


@healthy()
def keras_itself(to: Path) -> Path:
    """Keras' own CSVLogger, a rate lowered on plateaus."""
    os_environ_torch()
    import keras

    x, y, x_held, y_held = (t.numpy() for t in digits())
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.layers.Dense(64, "relu"), keras.layers.Dropout(0.2), keras.layers.Dense(10)])  # fmt: skip
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])  # fmt: skip
    model.fit(x, y, epochs=15, validation_data=(x_held, y_held), verbose=0, callbacks=[keras.callbacks.CSVLogger(to / "k.csv"), keras.callbacks.ReduceLROnPlateau(patience=2)])  # fmt: skip
    return to / "k.csv"


@healthy()
def lightning_itself(to: Path) -> Path:
    """Lightning's own Trainer and CSVLogger, a validation before the start left in."""
    import lightning as L
    from lightning.pytorch.loggers import CSVLogger

    class Module(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = mlp(64, 64, 10)

        def training_step(self, batch, _):
            loss = F.cross_entropy(self.net(batch[0]), batch[1])
            self.log("train_loss", loss)
            return loss

        def validation_step(self, batch, _):
            out = self.net(batch[0])
            self.log_dict({"val_loss": F.cross_entropy(out, batch[1]), "val_acc": (out.argmax(1) == batch[1]).float().mean()})  # fmt: skip

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), 1e-3)

    L.seed_everything(1)
    x, y, x_held, y_held = digits()
    logger = CSVLogger(to, name="run")
    make = torch.utils.data.DataLoader
    L.Trainer(max_epochs=10, logger=logger, log_every_n_steps=5, enable_progress_bar=False, enable_checkpointing=False, accelerator="cpu").fit(Module(), make(list(zip(x, y, strict=True)), 32, shuffle=True), make(list(zip(x_held, y_held, strict=True)), 64))  # fmt: skip
    return Path(logger.log_dir) / "metrics.csv"
