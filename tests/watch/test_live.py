"""Incidents of real trainings under `labhand run`."""

import json

import pytest

POISONED = """
import torch

torch.manual_seed(0)
data = torch.randn(64 * 30, 8)
target = data.sum(1, keepdim=True)
data[64 * 20 + 5, 3] = float("nan")
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
{wrapped}
optimizer = torch.optim.Adam(model.parameters(), 1e-2)
mse = torch.nn.functional.mse_loss
for step in range(30):
    rows = slice(step * 64, (step + 1) * 64)
    loss = mse(model(data[rows]), target[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        held_out = mse(model(data[:64]), target[:64])
        norm = next(model.parameters()).norm()
    print(f"step {{step}} loss {{loss:.4f}} val_loss {{held_out:.4f}} weight_norm {{norm:.3f}}")
"""
DIVIDES = """
class Scale(torch.nn.Module):
    def forward(self, x):
        return x / (x.sum(1, keepdim=True) != 0).float()

with torch.no_grad():
    data.nan_to_num_(0.0)
    data[64 * 20 + 5] = 0.0
model = torch.nn.Sequential(Scale(), *model)
"""


@pytest.mark.torch
@pytest.mark.parametrize(
    ("wrapped", "layer", "words"),
    [("", None, "it came in with the input"), (DIVIDES, "0", "it arose first in `0` (Scale)")],
)
def test_one_bad_row_of_the_data_is_one_incident(lab, wrapped, layer, words) -> None:
    pytest.importorskip("torch")
    lab.script("train.py", POISONED.format(wrapped=wrapped))
    done = lab.run("train.py")
    assert done.returncode == 0, done.stderr
    (found,) = (f for f in lab.show()["findings"] if f["rule"] == "non-finite")
    assert found["alarm"] and found["severity"] == "error"
    assert found["where"]["step"] == 20 and found["where"]["batch_rows"] == [5]
    assert found["where"]["layer"] == layer and words in found["message"]
    assert "from row 5 of the batch of 64" in found["message"]
    spoilt = found["evidence"]["metrics"]
    assert {"loss", "val_loss", "weight_norm", "probe/loss", "probe/grad_norm"} <= spoilt.keys()
    assert set(spoilt.values()) == {20}
    events = (lab.attempt() / "events.jsonl").read_text().splitlines()
    told = [e for e in map(json.loads, events) if e["kind"] == "alarm"]
    assert [e["data"]["finding"]["id"] for e in told] == [found["id"]]
