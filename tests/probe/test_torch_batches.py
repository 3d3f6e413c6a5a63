"""What batches prove by themselves: channels in another order, targets that are the inputs, a loss that only guesses."""

import importlib.util

import pytest

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch"),
]

COLOURS = [0.7, 0.4, 0.3]


def images(seed: int, colours: list, rows: int = 40):
    import torch

    made = torch.Generator().manual_seed(seed)
    tint = 0.05 * torch.randn(rows, 3, 1, 1, generator=made)
    pixels = 0.1 * torch.randn(rows, 3, 12, 12, generator=made)
    return torch.tensor(colours)[None, :, None, None] + tint + pixels


@pytest.mark.parametrize(
    ("evaluated", "order"),
    [
        (COLOURS[::-1], [2, 1, 0]),
        ([0.4, 0.3, 0.7], [1, 2, 0]),
        (COLOURS, None),
        ([0.71, 0.41, 0.3], None),
        ([0.9, 0.9, 0.1], None),
        ([0.5, 0.5, 0.5], None),
    ],
)
def test_channels_in_another_order_are_told_and_other_images_are_not(evaluated, order) -> None:
    from labhand.probe.look_channels import Channels

    channels = Channels()
    told = []
    for seed in range(6):
        channels.trained(images(seed, COLOURS))
        told.append(channels.evaluated(images(100 + seed, evaluated)))
    assert [each for each in told if each is not None] == ([] if order is None else [order])


def test_what_has_no_colours_says_nothing() -> None:
    import torch

    from labhand.probe.look_channels import Channels

    channels = Channels()
    for batch in (torch.rand(64, 1, 8, 8), torch.rand(64, 12), torch.ones(64, 3, 8, 8).long()):
        for _ in range(6):
            channels.trained(batch)
            assert channels.evaluated(batch) is None
    for _ in range(6):
        channels.trained(torch.full((64, 3, 8, 8), 0.5))
        assert channels.evaluated(torch.full((64, 3, 8, 8), 0.25)) is None


def test_targets_are_the_inputs_only_where_all_tokens_are_the_same() -> None:
    import torch

    from labhand.probe.torch_objective import copied

    tokens = torch.randint(0, 50, (16, 33), generator=torch.Generator().manual_seed(0))
    inputs, following = tokens[:, :-1], tokens[:, 1:]
    assert copied(inputs, inputs.reshape(-1))
    assert not copied(inputs, following.reshape(-1))
    masked = inputs.clone()
    masked[:, ::7] = 50
    assert not copied(masked, inputs.reshape(-1))
    assert not copied(torch.zeros(16, 32).long(), torch.zeros(16 * 32).long())
    assert not copied(inputs.float(), inputs.reshape(-1))


def test_a_cross_entropy_is_told_beside_guessing_by_the_frequencies() -> None:
    import torch
    from torch.nn import functional

    from labhand.probe.look_frequencies import Frequencies

    made = torch.Generator().manual_seed(0)
    often = torch.tensor([0.6, 0.3, 0.1])

    def shares(scores_of, weight=None) -> list:
        frequencies, found = Frequencies(), []
        for _ in range(30):
            labels = torch.multinomial(often, 32, replacement=True, generator=made)
            scores = scores_of(labels).requires_grad_()
            loss = functional.cross_entropy(scores, labels, weight)
            found.append(frequencies.share(loss.grad_fn, loss, labels.tolist(), 3))
        return found

    guessing = shares(lambda labels: often.log().expand(len(labels), 3).clone())
    assert guessing[:2] == [None, None]
    assert all(0.9 < share < 1.1 for share in guessing[2:])
    learned = shares(lambda labels: 2.0 * functional.one_hot(labels, 3).float())
    assert max(learned[2:]) < 0.6
    weighed = shares(lambda labels: torch.zeros(len(labels), 3), torch.tensor([1.0, 2.0, 5.0]))
    assert set(weighed) == {None}
