"""What the name of a metric tells."""

import pytest

from labhand.kit.metric_names import headlines


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["lr", "train/loss", "val/loss", "val/acc"], ["val/loss", "val/acc", "train/loss"]),
        (["probe/loss", "epoch", "train/acc", "val_acc"], ["val_acc", "train/acc"]),
        (["epoch", "accuracy", "test_accuracy"], ["test_accuracy", "accuracy"]),
        (["probe/loss", "steps_per_s"], ["steps_per_s"]),
        (["probe/lr", "probe/loss", "system/rss_bytes"], ["probe/loss"]),
        (["system/rss_bytes"], []),
        (["batch/labels", "layer/0/dead", "probe/loss"], ["probe/loss"]),
        (["batch/loss"], ["batch/loss"]),
        ([], []),
    ],
)
def test_the_metrics_to_show_of_a_run_best_first(names: list[str], shown: list[str]) -> None:
    assert headlines(names) == shown
