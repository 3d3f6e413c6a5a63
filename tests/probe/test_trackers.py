"""What a script gives to its tracker is in the record, at the right step and only once.

Each script runs against a small stand-in package with the same call surface, and against the real
package where it is installed.
"""

import importlib.util
import struct
from pathlib import Path

import pytest
from interpreters import Home, Ran

PACKAGES = Path(__file__).parent / "samples" / "packages"


def rows(ran: Ran, source: str = "tracker") -> list[tuple[int, dict[str, float]]]:
    """The rows of the record, read here on their own terms."""
    import json

    found = []
    for path in sorted(ran.attempt.glob(f"points.{source}-*.log")):
        data, at, names = path.read_bytes(), 0, {}
        while at < len(data):
            _, kind, number, _ = struct.unpack_from("<BBHI", data, at)
            at += 8
            if kind < 2:
                (length,) = struct.unpack_from("<I", data, at)
                text = json.loads(data[at + 4 : at + 4 + length])
                at += 4 + length
                if kind == 1:
                    names[number] = text
                continue
            step, _ = struct.unpack_from("<qd", data, at)
            count = len(names[number])
            values = struct.unpack_from(f"<{count}d", data, at + 16)
            at += 16 + 8 * count
            found.append((step, dict(zip(names[number], values, strict=True))))
    return found


class Tracked(Home):
    real = False

    def track(self, text: str, **more: str) -> Ran:
        self.write("train.py", text)
        if not self.real:
            more["PYTHONPATH"] = str(PACKAGES)
        ran = self.run("train.py", **more)
        assert ran.code == 0, ran.err
        assert ran.events("fault") == []
        return ran


@pytest.fixture(params=["sample", "real"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Tracked:
    made = Tracked(tmp_path)
    made.real = request.param == "real"
    wanted = request.node.get_closest_marker("parametrize")
    assert wanted is None
    package = request.node.name.partition("[")[0].split("_")[1]
    if made.real and importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    return made


WANDB = """
import wandb
run = wandb.init(project="p", config={"lr": 0.1, "api_key": "hunter2hunter2"})
run.config.extra = 5
wandb.config.update({"more": [1, 2]})
wandb.log({"loss": 1.0})
wandb.log({"loss": 0.9}, commit=False)
wandb.log({"acc": 0.5})
run.log({"loss": 0.8, "text": "x", "sub": {"a": 1}}, step=10)
wandb.log({"loss": 0.7})
wandb.log({"loss": 0.6})
run.finish()
"""
WANDB_ROWS = [
    (0, {"loss": 1.0}),
    (1, {"loss": 0.9}),
    (1, {"acc": 0.5}),
    (10, {"loss": 0.8, "sub/a": 1.0}),
    (10, {"loss": 0.7}),
    (11, {"loss": 0.6}),
]


def test_wandb_offline(home: Tracked) -> None:
    ran = home.track(WANDB, WANDB_MODE="offline")
    assert rows(ran) == WANDB_ROWS
    assert ran.config() == {"lr": 0.1, "api_key": "***", "extra": 5, "more": [1, 2]}
    assert ran.facts() == []


def test_wandb_disabled_is_still_recorded(home: Tracked) -> None:
    assert rows(home.track(WANDB, WANDB_MODE="disabled")) == WANDB_ROWS


def test_wandb_without_a_login_goes_on_offline_and_says_so(home: Tracked) -> None:
    text = WANDB.replace("run = ", "wandb.login()\nrun = ", 1)
    ran = home.track(text, HOME=str(home.folder))
    assert rows(ran) == WANDB_ROWS
    assert [data["mode"] for data in ran.facts()] == ["offline"]
    if not home.real:
        assert ran.err == ""


def test_wandb_with_a_key_is_left_as_it_is(tmp_path: Path) -> None:
    home = Tracked(tmp_path)
    text = "import wandb\nprint(wandb.login(), wandb.init(project='p').mode)\n"
    ran = home.track(text, WANDB_API_KEY="k" * 40)
    assert (ran.out, ran.facts()) == ("True online\n", [])


def test_trackio(home: Tracked) -> None:
    ran = home.track(
        "import trackio\n"
        "trackio.init(project='p', config={'lr': 0.2}, embed=False)\n"
        "for i in range(3): trackio.log({'loss': 1.0 / (i + 1)})\n"
        "trackio.log({'loss': 0.1}, step=10)\n"
        "trackio.log({'loss': 0.05})\n"
        "trackio.finish()\n",
        TRACKIO_DIR=str(home.folder / "trackio"),
    )
    expected = [(0, 1.0), (1, 0.5), (2, 1 / 3), (10, 0.1), (11, 0.05)]
    assert rows(ran) == [(step, {"loss": loss}) for step, loss in expected]
    assert ran.config() == {"lr": 0.2}


def test_mlflow(home: Tracked) -> None:
    ran = home.track(
        "import mlflow, mlflow.entities\n"
        f"mlflow.set_tracking_uri('file://{home.folder}/m')\n"
        "mlflow.log_param('lr', 0.1)\n"
        "mlflow.log_params({'width': 2})\n"
        "for i in range(2): mlflow.log_metric('loss', 1.0 / (i + 1))\n"
        "mlflow.log_metrics({'acc': 0.5, 'f1': 0.25}, step=4)\n"
        "client, run = mlflow.MlflowClient(), mlflow.active_run().info.run_id\n"
        "client.log_metric(run, 'direct', 3.0, step=2)\n"
        "M = mlflow.entities.Metric\n"
        "client.log_batch(run, metrics=[M('a', 1.0, 0, 3), M('b', 2.0, 0, 3)])\n",
        MLFLOW_ALLOW_FILE_STORE="true",
    )
    assert rows(ran) == [
        (0, {"loss": 1.0}),
        (1, {"loss": 0.5}),
        (4, {"acc": 0.5, "f1": 0.25}),
        (2, {"direct": 3.0}),
        (3, {"a": 1.0, "b": 2.0}),
    ]
    assert ran.config() == {"lr": 0.1, "width": 2}


def test_tensorboardX_keeps_two_folders_apart(home: Tracked) -> None:
    ran = home.track(
        "from tensorboardX import SummaryWriter\n"
        "train, val = SummaryWriter('runs/train'), SummaryWriter('runs/val')\n"
        "for i in range(2):\n"
        "    train.add_scalar('loss', 1.0 / (i + 1), i * 10)\n"
        "    val.add_scalar('loss', 2.0)\n"
        "train.add_scalars('acc', {'a': 1, 'b': 0.5}, 7)\n"
        "train.add_hparams({'lr': 0.1}, {'final': 3.0})\n"
        "train.close(), val.close()\n"
    )
    assert rows(ran) == [
        (0, {"loss": 1.0}),
        (0, {"val/loss": 2.0}),
        (10, {"loss": 0.5}),
        (1, {"val/loss": 2.0}),
        (7, {"acc/a": 1.0, "acc/b": 0.5}),
        (7, {"final": 3.0}),
    ]
    assert ran.config() == {"lr": 0.1}


def test_transformers_logs_once_beside_its_own_tracker(tmp_path: Path) -> None:
    home = Tracked(tmp_path)
    ran = home.track(
        "from transformers import Trainer, TrainingArguments\n"
        "a = TrainingArguments('out', max_steps=10, logging_steps=5, learning_rate=0.01, report_to=['wandb'])\n"
        "Trainer(args=a).train()\n",
        WANDB_MODE="offline",
    )
    assert rows(ran) == [
        (5, {"loss": 0.2, "epoch": 0.5}),
        (0, {"gpu": 7.0}),
        (10, {"loss": 0.1, "epoch": 1.0}),
        (1, {"gpu": 7.0}),
        (10, {"eval_loss": 0.5, "eval_runtime": 1.0, "epoch": 1.0}),
        (2, {"gpu": 7.0}),
        (10, {"train_runtime": 3.0, "epoch": 1.0}),
        (3, {"gpu": 7.0}),
    ]
    config = ran.config()
    assert (config["learning_rate"], config["max_steps"], config["seed"]) == (0.01, 10, 42)
    assert "use_cpu" not in config


def test_lightning_without_a_logger(home: Tracked) -> None:
    real = (
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.layer = torch.nn.Linear(1, 1)\n"
        "    def configure_optimizers(self): return torch.optim.SGD(self.parameters(), lr=0.0)\n"
        "    def training_step(self, batch, _=None):\n"
        "        self.log('train_loss', 0.25)\n"
        "        return self.layer(batch[0]).sum()\n"
        "data = torch.utils.data.TensorDataset(torch.zeros(4, 1))\n"
        "trainer = Trainer(max_epochs=2, logger=False, log_every_n_steps=4, enable_progress_bar=False)\n"
        "trainer.fit(M(), torch.utils.data.DataLoader(data))\n"
    )
    sample = "    def training_step(self, batch): return 0.25\nTrainer(max_epochs=2, logger=False).fit(M())\n"
    head = "from lightning.pytorch import LightningModule, Trainer\n"
    head = ("import torch\n" if home.real else "") + head + "class M(LightningModule):\n"
    ran = home.track(head + (real if home.real else sample))
    first, second = rows(ran)
    assert (first[1], second[1]) == (
        {"train_loss": 0.25, "epoch": 0.0},
        {"train_loss": 0.25, "epoch": 1.0},
    )
    assert second[0] - first[0] == 4


def test_keras_epochs_and_running_means(home: Tracked) -> None:
    real = (
        "import keras, numpy as np\n"
        "m = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])\n"
        "m.compile('sgd', 'mse')\n"
        "x = np.ones((40, 2)); v = (x[:4], x[:4, :1])\n"
        "m.fit(x, x[:, :1], batch_size=10, epochs=2, validation_data=v, verbose=0)\n"
        "m.save('m.keras')\n"
    )
    sample = "import keras\nm = keras.Model()\nm.fit(4, epochs=2)\nm.save('m.keras')\n"
    ran = home.track(real if home.real else sample, KERAS_BACKEND="torch")
    found = rows(ran)
    assert next(step for step, row in found if "batch/loss" in row) == 1
    epochs = [(step, sorted(row), row["epoch"]) for step, row in found if "loss" in row]
    names = ["epoch", "loss", "val_loss"]
    assert epochs == [(4, names, 1.0), (8, names, 2.0)]
    assert [Path(e["data"]["path"]).name for e in ran.events("checkpoint")] == ["m.keras"]
