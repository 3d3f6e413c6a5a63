"""SummaryWriter of torch: mirrored where tensorboard is installed, stood in for where it is not."""

import importlib.util
from pathlib import Path

import pytest
from interpreters import Home
from test_trackers import rows

pytestmark = pytest.mark.torch
INSTALLED = importlib.util.find_spec("tensorboard") is not None
SCRIPT = """
import torch
from torch.utils.tensorboard import SummaryWriter
with SummaryWriter("runs/a") as writer:
    for i in range(3):
        writer.add_scalar("loss", torch.tensor(2.0) ** -i, i)
    writer.add_histogram("weights", torch.arange(4.0), 0)
    writer.add_hparams({"lr": 0.5}, {"final": 1.5})
torch.save({"x": 1}, "model.pt")
"""


def test_scalars_are_kept_with_and_without_tensorboard(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.write("train.py", SCRIPT)
    ran = home.run("train.py")
    assert (ran.code, ran.err, ran.events("fault")) == (0, "", [])
    losses = [(0, {"loss": 1.0}), (1, {"loss": 0.5}), (2, {"loss": 0.25})]
    assert rows(ran) == [*losses, (2, {"final": 1.5})]
    assert ran.config() == {"lr": 0.5}
    saved = ran.events("checkpoint")[0]["data"]
    assert saved == {"path": str(home.folder / "model.pt"), "step": 2}
    assert len(ran.facts()) == int(not INSTALLED)
    assert (home.folder / "runs").exists() == INSTALLED


PLANS = """
import contextlib
try:
    from torch.utils.tensorboard import SummaryWriter
except ImportError:
    print("plan b")
with contextlib.suppress(ImportError):
    from torch.utils.tensorboard import SummaryWriter
    print("not reached")
"""


@pytest.mark.skipif(INSTALLED, reason="tensorboard is installed")
def test_a_script_with_a_plan_b_gets_its_import_error(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.write("train.py", PLANS)
    ran = home.run("train.py")
    assert (ran.out, ran.err) == ("plan b\n", "")
    assert [event["kind"] for event in ran.events()] == ["facts", "over"]
