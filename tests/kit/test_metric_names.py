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
        (["losses/clipfrac", "losses/entropy", "losses/value_loss"], ["losses/value_loss"]),
        (["losses/test", "losses/train"], ["losses/test", "losses/train"]),
        (["entropy", "train/loss", "rollout/ep_rew_mean"], ["rollout/ep_rew_mean", "train/loss"]),
        (["loss", "reward_std", "rewards/r/mean", "reward"], ["reward", "loss", "rewards/r/mean"]),
        (["loss", "mean_reward", "accuracy"], ["loss", "mean_reward", "accuracy"]),
        (["rewards/chosen", "eval_loss", "loss_scale"], ["eval_loss"]),
        (["val_cross_entropy", "val_entropy"], ["val_cross_entropy"]),
        ([], []),
    ],
)
def test_the_metrics_to_show_of_a_run_best_first(names: list[str], shown: list[str]) -> None:
    assert headlines(names) == shown
