"""What a log is and what should be told of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Case:
    """A function that writes a log into a folder, and what must, may and must not be told of it."""

    write: Callable[[Path], Path]
    must: list[set[str]]
    """Each set: one of these names."""
    may: set[str]
    alarm: bool | None
    """Whether a person is to be disturbed; None: either is right."""
    steps: range | None

    @property
    def name(self) -> str:
        return self.write.__name__


HEALTHY: list[Case] = []
ILL: list[Case] = []


def healthy(may: str = "") -> Callable:
    """A log of which nothing is to be told, but for `may`, and nobody is to be disturbed."""

    def keep(write: Callable) -> Callable:
        HEALTHY.append(Case(write, [], set(may.split()), False, None))
        return write

    return keep


def ill(
    *must: str, may: str = "", alarm: bool | None = None, at: int | None = None, within: int = 0
) -> Callable:
    """A log of which each of `must` is to be told ("a|b": either), from `within` steps around `at`."""

    def keep(write: Callable) -> Callable:
        steps = None if at is None else range(at - within // 4, at + within + 1)
        names = [set(m.split("|")) for m in must]
        ILL.append(Case(write, names, set(may.split()), alarm, steps))
        return write

    return keep


HELD = frozenset(
    """
    batches_of_two reinforce grokking dropout_heavy restarted_back six_rows
    cosine_to_nothing boosted ppo_cart hf_itself contrastive detector_parts yolo_csv
    timm_lines physics_residual epochs_and_steps tiny_validation summed adversarial_domains
    clock_set falls_on_plateaus two_ranks keras_itself nan_of_windows nan_null_json
    infinite_tfevents nan_in_bar nan_minus_c nan_fairseq hidden_by_hf rate_jumps
    forgets_slowly reward_collapses rate_too_small loss_at_ln_ten other_labels_held_out
    learned_by_heart steps_for_epochs jump_in_schedule gpu_grows ever_slower stood_for_hours
    softmax_twice units_die other_parameters resumed_from_nothing always_one_batch
    bytes_held_out killed_for_memory
    keras_history accuracy_alone smoothed_twice bars_of_epochs critic_negative short_check
    searched_in_turn tokens_as_steps gan_of_tutorial perplexity_falls one_cycle_wide
    infinite_perplexity policy_forgets stands_at_ln_seven language_of_one_level small_set_by_heart
    labels_numbered_anew cpu_fills begins_again_at_forty stood_two_hours softmax_in_the_model
    died_of_an_index
    """.split()
)
"""Held out: every second one as they were written, kept here so that a case keeps its half."""
