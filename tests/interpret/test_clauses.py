"""What is said in several clauses: pairs, relations, names in pieces; and that every word is accounted for."""

import json
import shutil
from pathlib import Path

import pytest

from labhand.core.errors import LabhandError, UsageError
from labhand.interpret import interpret, reading, vocabulary
from labhand.interpret.draft import Draft
from labhand.interpret.situation import Situation

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "interpret"


@pytest.fixture
def project(tmp_path):
    def make(name):
        place = tmp_path / name
        if not place.exists():
            shutil.copytree(BENCHMARK / "projects" / name, place)
            (place / "labhand.toml").touch()
        return place

    return make


def settings(intent):
    return {c.key: c.value for c in intent.settings}


PAIRS = [
    ("asr", "adam at 2e-3, sgd at 0.1", {"optimizer": ["adam", "sgd"], "peak_lr": [2e-3, 0.1]}),
    ("asr", "bs 32 accum 2 vs bs 16 accum 4", {"batch_size": [32, 16], "accum_grad": [2, 4]}),
    ("rank", "roberta-large at lr 1e-5, bert-base-uncased at 5e-5", {"backbone": ["roberta-large", "bert-base-uncased"], "lr": [1e-5, 5e-5]}),
    ("vae", "lr 1e-3 for 50 epochs or 5e-4 for 100", {"learning_rate": [1e-3, 5e-4], "epochs": [50, 100]}),
    ("gnn", "dropout 0.5 for gcn, 0.6 for gat, 0.3 for sage", {"model.dropout": [0.5, 0.6, 0.3], "model": ["gcn", "gat", "sage"]}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "said", "sweep"), PAIRS, ids=[s for _, s, _ in PAIRS])
def test_pairs_are_swept_written_out_and_asked_about(project, name, said, sweep):
    intent = interpret(said, project(name)).intent
    assert intent.sweep == sweep
    assert settings(intent) == {}
    (question,) = intent.questions
    assert "pairs" in question.text
    assert any("said in pairs" in a and "@FILE.csv" in a for a in intent.assumptions)


def test_a_pair_whose_one_half_does_not_change_is_no_pair(project):
    intent = interpret("batch 32 lr 1e-3, batch 64 lr 1e-3", project("vae")).intent
    assert (settings(intent), intent.sweep) == ({"learning_rate": 1e-3}, {"batch_size": [32, 64]})
    assert intent.questions == []


def test_a_correction_is_no_pair(project):
    intent = interpret("LR 1e-4. No, make that 3e-4.", project("bandit")).intent
    assert settings(intent) == {"learning_rate": 3e-4}


RELATIONS = [
    ("charlm", "lr 6e-4, min lr a tenth of that", {"LEARNING_RATE": 6e-4, "MIN_LR": 6e-5}),
    ("asr", "effective batch 128: bs 32, accum 4", {"batch_size": 32, "accum_grad": 4}),
    ("asr", "keep the effective batch at 64 with a batch size of 8", {"batch_size": 8, "accum_grad": 8}),
    ("asr", "double the batch size, same effective batch", {"batch_size": 32, "accum_grad": 2}),
    ("summarize", "lora rank 16, alpha twice the rank", {"lora_r": 16, "lora_alpha": 32}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "said", "expected"), RELATIONS, ids=[s for _, s, _ in RELATIONS])
def test_a_setting_said_by_another_one(project, name, said, expected):
    intent = interpret(said, project(name)).intent
    assert settings(intent) == pytest.approx(expected)
    assert not intent.needs_model


def test_an_effective_batch_that_does_not_fit_is_refused(project):
    with pytest.raises(UsageError, match=r"effective batch 128.*is 160"):
        interpret("effective batch 128: bs 32, accum 5", project("asr"))
    with pytest.raises(UsageError, match="is no multiple of"):
        interpret("effective batch 100 with batch size 16", project("asr"))


PIECES = [
    ("rank", "freeze the first 6 layers", {"freeze_layers": 6}),
    ("bandit", "update the target network every 250 steps instead of 1000", {"target_update_period": 250}),
    ("vae", "warm up the kl for 30 epochs", {"kl_warmup_epochs": 30}),
    ("bandit", "epsilon end 0.01, decayed over 100k steps", {"epsilon_end": 0.01, "epsilon_decay_steps": 100_000}),
    ("bandit", "--nosave_video", {"save_video": False}),
    ("rank", "--random-negatives", {"hard_negatives": False}),
    ("pinn", "heat instead of burgers", {"equation": "heat"}),
    ("charlm", "text8 instead of enwik8", {"DATA_PATH": "data/text8"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "said", "expected"), PIECES, ids=[s for _, s, _ in PIECES])
def test_names_in_pieces_and_values_in_place_of_others(project, name, said, expected):
    intent = interpret(said, project(name)).intent
    assert settings(intent) == expected
    assert not intent.edits


def test_what_stands_beside_a_name_and_means_another_thing_is_not_taken(project):
    intent = interpret("log the gradient norm every 100 steps", project("charlm")).intent
    assert settings(intent) == {}
    assert intent.needs_model


MULTIPLES = [
    ("lr x {0.3, 1, 3}", [3e-4, 1e-3, 3e-3]),
    ("lr 0.5x, 1x and 2x", [5e-4, 1e-3, 2e-3]),
    ("lr 2e-3 x {0.5, 1}", [1e-3, 2e-3]),
    ("lr in np.logspace(-4, -2, 3)", [1e-4, 1e-3, 1e-2]),
]


@pytest.mark.parametrize(("said", "expected"), MULTIPLES)
def test_several_multiples_are_a_sweep(project, said, expected):
    intent = interpret(said, project("charlm")).intent
    assert intent.sweep["LEARNING_RATE"] == pytest.approx(expected)


SAID = [
    ("digits", "10 epochs - actually 20 - and dropout 0.1", {"epochs": 20, "dropout": 0.1}, {}, None),
    ("digits", "neither dropout nor label smoothing", {"dropout": 0.0, "label_smoothing": 0.0}, {}, None),
    ("digits", "turn everything off: dropout, label smoothing, augmentation", {"dropout": 0.0, "label_smoothing": 0.0, "no_augment": True}, {}, None),
    ("digits", "lr 1e-4..1e-2 in half-decades", {}, {"lr": [1e-4, 3.16228e-4, 1e-3, 3.16228e-3, 1e-2]}, None),
    ("digits", "dropout 0:0.5:0.25", {}, {"dropout": [0.0, 0.25, 0.5]}, None),
    ("digits", "optimizer sgd/adam/adamw", {}, {"optimizer": ["sgd", "adam", "adamw"]}, None),
    ("digits", "five seeds starting at 10", {}, {}, [10, 11, 12, 13, 14]),
    ("digits", "repeat 4x with different seeds", {}, {}, 4),
    ("conf", "optim.lr=3e-4,1e-3 model=large", {"model": "large"}, {"optim.lr": [3e-4, 1e-3]}, None),
    ("nano", "beta2 = .99, min lr = lr/10, lr 1e-3", {"beta2": 0.99, "min_lr": 1e-4, "learning_rate": 1e-3}, {}, None),
    ("hf", "per-device bs 2, accumulate to 64", {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 32}, {}, None),
    ("hf", "fp16, not bf16", {"fp16": True, "bf16": False}, {}, None),
    ("charlm", "train on 50M tokens", {"MAX_STEPS": 3052}, {}, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "said", "expected", "sweep", "seeds"), SAID, ids=[s[1] for s in SAID]
)
def test_corrections_lists_slices_units(project, name, said, expected, sweep, seeds):
    intent = interpret(said, project(name)).intent
    assert settings(intent) == pytest.approx(expected)
    assert set(intent.sweep) == set(sweep)
    assert all(
        intent.sweep[key] == (pytest.approx(v) if isinstance(v[0], float) else v)
        for key, v in sweep.items()
    )
    assert intent.seeds == seeds
    assert not intent.edits


def test_what_counts_steps_is_not_set_in_epochs(project):
    intent = interpret("eval every half epoch", project("hf")).intent
    assert settings(intent) == {}
    assert any("counts steps" in sentence for sentence in intent.assumptions)


def test_every_word_is_owned_by_one_reader_or_told(project, monkeypatch):
    drafts = []

    class Kept(Draft):
        def __init__(self, *given):
            super().__init__(*given)
            drafts.append(self)

    monkeypatch.setattr(reading, "Draft", Kept)
    monkeypatch.setattr(Situation, "runs", [])
    for line in (BENCHMARK / "seen.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        try:
            intent = interpret(case["say"], project(case["project"])).intent
        except LabhandError:
            continue
        text = drafts[-1].text
        for token, owner in zip(text.tokens, text.owners, strict=True):
            says = token.kind in ("number", "quoted") or token.low not in vocabulary.KNOWN_WORDS
            if token.kind != "mark" and says and len(token.low) > 1 and not owner:
                told = " ".join([*intent.assumptions, *(e.summary for e in intent.edits)])
                named = any(token.low.rstrip("s") in c.key.lower() for c in intent.settings)
                assert token.text in told or named, (case["say"], token.text)


def test_two_ends_of_one_thing_and_a_floor_of_the_rate(project):
    intent = interpret("epsilon from 1 to 0.02 over 100k steps", project("bandit")).intent
    wanted = {"epsilon_start": 1.0, "epsilon_end": 0.02, "epsilon_decay_steps": 100_000}
    assert settings(intent) == wanted
    intent = interpret("lr 2e-3 decaying down to 2e-4", project("charlm")).intent
    assert settings(intent) == {"LEARNING_RATE": 2e-3, "MIN_LR": 2e-4}


def test_as_long_is_said_of_what_was_named_before_it(project):
    intent = interpret("make the warmup twice as long", project("asr")).intent
    assert settings(intent) == {"warmup_steps": 20_000}
