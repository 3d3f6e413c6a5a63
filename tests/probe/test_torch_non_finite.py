"""The first non-finite value of a training is traced to the layer and the rows of the batch."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch"),
]
ROW = [3]
ALL = list(range(8))

# case: step, what, layer, kind, class, rows
EXPECTED = {
    "nan_in_a_row": (6, "loss", None, "input", None, ROW),
    "infinity_in_the_first_batch": (0, "loss", None, "input", None, ROW),
    "root_of_zero": (6, "gradient", "1", "backward", "SquareRoot", ROW),
    "root_of_zero_late_in_a_fast_loop": (173, "gradient", "1", "backward", "SquareRoot", ROW),
    "logarithm_of_zero": (6, "loss", "1", "forward", "Logarithm", ROW),
    "half_precision_overflow": (6, "loss", "Squares", "forward", "Squares", ROW),
    "bfloat16_overflow": (6, "loss", "Squares", "forward", "Squares", ROW),
    "learning_rate_too_large": (1, "parameter", "first", "parameter", "Linear", ALL),
    "attention_to_nothing": (6, "loss", "softmax", "forward", "Softmax", ROW),
    "constant_row_normalised": (6, "loss", "0", "forward", "Normalise", ROW),
    "one_row_spoils_all": (6, "loss", "0", "forward", "Centre", ROW),
    "loss_in_the_script": (6, "loss", None, "loss", None, ROW),
    "gradient_of_the_loss_in_the_script": (6, "gradient", None, "loss", None, ROW),
    "bad_target": (6, "loss", None, "loss", None, ROW),
    "embedding_row_never_met_before": (6, "parameter", "embed", "parameter", "Embedding", ROW),
    "accumulated": (2, "loss", None, "input", None, [5]),
    "siamese": (4, "gradient", "1", "backward", "SquareRoot", ROW),
    "adversarial": (4, "loss", "generator.log", "forward", "Logarithm", ROW),
    "scaled_steps_all_skipped": (2, "gradient", "1", "backward", "SquareRoot", ROW),
    "compiled": (6, "loss", "1", "forward", "Logarithm", ROW),
    "without_a_module": (3, "loss", None, None, None, None),
}
QUIET = ["nan_that_the_model_ignores", "scaled_steps_skipped", "healthy"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict:
    script = Path(__file__).with_name("torch_planted.py")
    attempt = tmp_path_factory.mktemp("attempt")
    done = subprocess.run(
        [sys.executable, str(script), str(attempt)], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return {line["case"]: line for line in map(json.loads, done.stdout.splitlines())}


def test_every_planted_fault_is_named_with_its_layer_kind_and_rows(told: dict) -> None:
    for name, expected in EXPECTED.items():
        case = told[name]
        assert "error" not in case, (name, case)
        assert [e["kind"] for e in case["told"]] == ["non-finite"], (name, case)
        (event,) = case["told"]
        first = event["first"]
        found = (
            event["step"],
            event["what"],
            first["layer"],
            first["kind"],
            first["class"],
            event["batch_rows"],
        )
        assert found == expected, (name, event)
        assert event["bounded"] is False
        assert event["batch_rows_total"] == (None if name == "without_a_module" else 8), name


def test_what_is_no_trouble_is_not_told(told: dict) -> None:
    for name in QUIET:
        assert told[name]["told"] == [] and "error" not in told[name]


def test_the_note_says_what_a_person_would_ask_next(told: dict) -> None:
    def note(name: str) -> str:
        return str(told[name]["told"][0]["note"])

    assert "log of zero" in note("loss_in_the_script")
    assert "first.weight has grown to" in note("learning_rate_too_large")
    assert "embed.weight was not finite before this batch" in note("embedding_row_never_met_before")
    assert "run by halves" in note("one_row_spoils_all")
    assert "skipped 5 steps in a row" in note("scaled_steps_all_skipped")
    assert "no call of a model was seen" in note("without_a_module")


def test_every_case_of_the_script_is_expected_here(told: dict) -> None:
    assert set(told) == set(EXPECTED) | set(QUIET)
