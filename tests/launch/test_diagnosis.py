"""Why an attempt ended badly, in one sentence."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhand.core.finding import Finding, in_run
from labhand.kit.interpreter import normal
from labhand.launch import Evidence, diagnose
from labhand.launch.env import run_case
from labhand.launch.packages import (
    conda_range,
    declarations,
    poetry_range,
    requirement_for,
    table,
)
from labhand.launch.raised import raised, seen

KEY_ERROR = (
    'Traceback (most recent call last):\n  File "/p/train.py", line 3, in main\n    x = d["a"]\n'
    "KeyError: 'a'\n"
)


def kind(exit_code: int | None, tail: str = "", **more) -> str | None:
    failure = diagnose(Evidence(exit_code=exit_code, tail=tail, **more))
    if failure is not None:
        assert failure.message and "\n" not in failure.message and failure.evidence["advice"]
    return None if failure is None else failure.kind


def test_a_good_end_and_an_interruption_are_no_failures() -> None:
    assert kind(0, KEY_ERROR) is None
    assert kind(130) is None
    assert kind(130, signal=signal.SIGINT) is None
    assert (
        kind(1, 'Traceback (most recent call last):\n  File "a", line 1\nKeyboardInterrupt\n')
        is None
    )


def test_the_word_of_the_probe_counts_more_than_the_output() -> None:
    exception = {
        "type": "torch.OutOfMemoryError",
        "message": "CUDA out of memory. Tried to allocate 2.00 GiB.",
        "frames": [{"file": "/p/a.py", "line": 7, "function": "step", "code": "loss.backward()"}],
    }
    failure = diagnose(Evidence(exit_code=1, exception=exception, tail=KEY_ERROR))
    assert failure is not None and failure.kind == "out-of-memory"
    assert failure.evidence["line"] == 7 and "2.00 GiB" in failure.message


def test_a_cause_told_by_the_probe_is_seen() -> None:
    exception = {
        "type": "ImportError",
        "message": "please install einops",
        "frames": [],
        "cause": {
            "type": "ModuleNotFoundError",
            "message": "No module named 'einops'",
            "frames": [],
        },
    }
    assert kind(1, exception=exception) == "missing-package"


def test_own_code_is_told_with_its_place() -> None:
    failure = diagnose(Evidence(exit_code=1, tail=KEY_ERROR))
    assert failure is not None
    assert failure.message == "KeyError: 'a' at /p/train.py, line 3, in main: `x = d[\"a\"]`"


@pytest.mark.parametrize("deeper", ["numpy/random/mtrand.pyx", "<string>"])
def test_the_place_is_in_the_persons_file(deeper: str) -> None:
    tail = KEY_ERROR.replace(
        "KeyError", f'  File "{deeper}", line 999, in numpy.choice\nValueError: no\nKeyError'
    ).partition("KeyError")[0]
    failure = diagnose(Evidence(exit_code=1, tail=tail))
    assert failure is not None
    assert failure.message == 'ValueError: no at /p/train.py, line 3, in main: `x = d["a"]`'


def test_what_a_group_of_exceptions_holds_is_said(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("raise ExceptionGroup('shards', [ValueError('shard 2 has no rows')])\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    exception = {
        "type": "ExceptionGroup",
        "message": "shards (1 sub-exception)",
        "frames": [{"file": str(script), "line": 1, "function": "<module>", "code": "raise x"}],
    }
    failure = diagnose(Evidence(exit_code=1, tail=done.stderr, exception=exception))
    assert failure is not None and "ValueError: shard 2 has no rows at" in failure.message


def test_a_hub_that_did_not_answer_is_not_called_switched_off() -> None:
    text = (
        "OSError: We couldn't connect to 'https://huggingface.co' to load the files.\n"
        "  Check your connection or see how to run the library in offline mode at 'https://x'."
    )
    failure = diagnose(Evidence(exit_code=1, tail=KEY_ERROR.replace("KeyError: 'a'", text)))
    assert failure is not None and failure.evidence["why"] == "unreachable"


def test_only_what_is_zero_is_called_a_divisor() -> None:
    def told(values: dict[str, str]) -> str:
        frame = {"file": "/p/t.py", "line": 1, "function": "f", "code": "a / len(b)"}
        exception = {"type": "ZeroDivisionError", "message": "division by zero"}
        exception |= {"frames": [{**frame, "values": values}]}
        failure = diagnose(Evidence(exit_code=1, exception=exception))
        assert failure is not None
        return failure.evidence["advice"]

    assert "a divisor is zero: b = []" in told({"a": "3", "b": "[]"})
    assert "divisor" not in told({"b": "a Pool"})


@pytest.mark.parametrize(
    ("said", "code", "values", "words"),
    [
        (
            ("IndexError", "index out of range in self"),
            "self.embed(x)",
            {"x": "Tensor (4, 80) int64, 0 to 30", "self.embed": "an Embedding (30, 16)", "b": "2"},
            "held x = Tensor (4, 80) int64, 0 to 30; self.embed = an Embedding (30, 16); compare",
        ),
        (
            ("RuntimeError", "mat1 and mat2 must have the same dtype, but got Double and Float"),
            "net(x)",
            {"x": "Tensor (25, 2) float64", "net": "a Sequential"},
            "the line held x = Tensor (25, 2) float64; bring both to the precision of the weights",
        ),
        (
            ("ValueError", "Expected more than 1 value per channel when training, got input size"),
            "net(x)",
            {"x": "Tensor (1, 6) float32", "net": "a Sequential"},
            "needs two for its statistics (x = Tensor (1, 6) float32)",
        ),
    ],
)
def test_the_values_that_explain_an_error_are_told(
    said: tuple[str, str], code: str, values: dict[str, str], words: str
) -> None:
    frame = {"file": "/p/t.py", "line": 1, "function": "f", "code": code, "values": values}
    exception = {"type": said[0], "message": said[1], "frames": [frame]}
    failure = diagnose(Evidence(exit_code=1, exception=exception))
    assert failure is not None and words in failure.evidence["advice"]


def test_a_number_that_yaml_reads_as_a_text_is_found_behind_two_stars(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("optim:\n  lr: 1e-3\n")
    frame = {"file": str(tmp_path / "t.py"), "line": 1, "function": "f"}
    frame["code"] = "opt = AdamW(net.parameters(), **cfg['optim'])"
    message = "'<=' not supported between instances of 'float' and 'str'"
    exception = {"type": "TypeError", "message": message, "frames": [frame]}
    failure = diagnose(Evidence(exit_code=1, exception=exception))
    assert (
        failure is not None and "YAML reads `1e-3` (c.yaml, line 2)" in failure.evidence["advice"]
    )


def test_what_the_probe_cut_is_read_from_the_output() -> None:
    text = "unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)"
    exception = {"type": "RuntimeError", "message": f"{text[:26]}…", "frames": []}
    tail = KEY_ERROR.replace("KeyError: 'a'", f"RuntimeError: {text}")
    assert kind(1, tail, exception=exception) == "shared-memory"


def test_a_text_of_another_encoding_is_not_called_damaged() -> None:
    error = "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xe9 in position 3: unexpected end of data"
    assert kind(1, KEY_ERROR.replace("KeyError: 'a'", error)) == "own-code"


def test_a_picture_that_opencv_did_not_find_is_named(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("import cv2\nimg = cv2.imread('cats/1.png')\nh, w = img.shape[:2]\n")
    frame = {"file": str(script), "line": 3, "function": "<module>", "code": "h, w = img.shape[:2]"}
    exception = {
        "type": "AttributeError",
        "message": "'NoneType' object has no attribute 'shape'",
        "frames": [{**frame, "values": {"img": "None"}}],
    }
    failure = diagnose(Evidence(exit_code=1, exception=exception))
    assert failure is not None and "where `cats/1.png` is not there" in failure.evidence["advice"]


def test_a_library_s_own_advice_is_handed_on() -> None:
    tail = KEY_ERROR.replace(
        "KeyError: 'a'", "ValueError: no copy.\n  Replace it by `asarray` to allow one."
    )
    failure = diagnose(Evidence(exit_code=1, tail=tail))
    assert failure is not None and "ValueError: no copy. at" in failure.message
    assert 'its own words: "Replace it by `asarray`' in failure.evidence["advice"]


def test_an_error_in_a_worker_is_told_with_the_place_in_the_worker() -> None:
    message = (
        "Caught ZeroDivisionError in DataLoader worker process 1.\nOriginal " + KEY_ERROR
    ).replace("KeyError: 'a'", "ZeroDivisionError: division by zero")
    frames = [{"file": "/p/train.py", "line": 9, "function": "main", "code": "for b in loader:"}]
    exception = {"type": "ZeroDivisionError", "message": message, "frames": frames}
    failure = diagnose(Evidence(exit_code=1, exception=exception))
    assert failure is not None and failure.message.startswith("ZeroDivisionError: division by zero")
    assert "line 3, in main" in failure.message


@pytest.mark.parametrize(
    ("error", "kind_", "words"),
    [
        (
            "RuntimeError: Trying to backward through the graph a second time",
            "autograd",
            "that the first backward had freed",
        ),
        (
            "RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn",
            "autograd",
            "depends on no weight",
        ),
        ("RuntimeError: expected scalar type Long but found Float", "target-range", "a type that"),
        ("ValueError: Expected input batch_size (4) to match target batch_size (2).", "target-range", "a shape that"),
        ("IndexError: Target 3 is out of bounds.", "target-range", "outside what the loss"),
        ("KeyError: 'WANDB_API_KEY'", "missing-variable", "WANDB_API_KEY is not set"),
        (
            "RuntimeError: Error(s) in loading state_dict for Linear:\n\tsize mismatch for weight: copying "
            "a param with shape torch.Size([2, 2]) from checkpoint, the shape in current model is "
            "torch.Size([2, 3]).",
            "checkpoint-keys",
            "1 of another shape; `weight` is (2, 2) in the checkpoint and (2, 3) in the model",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_not_only_its_kind(error: str, kind_: str, words: str) -> None:
    code = "os.environ['WANDB_API_KEY']" if "WANDB" in error else "step()"
    tail = (
        f'Traceback (most recent call last):\n  File "/p/t.py", line 3, in <module>\n    {code}\n'
    )
    if "WANDB" in error:
        tail += '  File "<frozen os>", line 679, in __getitem__\n'
    failure = diagnose(Evidence(exit_code=1, tail=f"{tail}{error}\n"))
    assert failure is not None and failure.kind == kind_
    assert words in failure.message


def test_a_script_that_a_library_imports_as_a_module_of_python_is_told() -> None:
    tail = (
        'Traceback (most recent call last):\n  File "/p/train.py", line 1, in <module>\n    import torch\n'
        '  File "/v/lib/python3.11/site-packages/torch/__init__.py", line 9, in <module>\n    import pickle\n'
        '  File "/p/pickle.py", line 3, in <module>\n    torch.load("bad.pt")\n'
        "AttributeError: partially initialized module 'torch' has no attribute 'load' (most likely due to "
        "a circular import)\n"
    )
    failure = diagnose(Evidence(exit_code=1, tail=tail))
    assert failure is not None and failure.kind == "shadowed-module"
    assert failure.message == "/p/pickle.py hides the module `pickle` of Python itself"


@pytest.mark.parametrize(
    ("before", "end"),
    [
        ("\r 10%|#  | 1/10\r 20%|## | 2/10", "\n"),
        ("\x1b[31mstep 1\x1b[0m\r\n", "\r\n"),
        ("epoch 1:  33%|███▎      | 1/3 [00:00<00:00]", "\r\n"),
    ],
)
def test_progress_bars_and_colours_do_not_hide_it(before: str, end: str) -> None:
    assert kind(1, before + KEY_ERROR.replace("\n", end)) == "own-code"


def test_the_last_of_several_tracebacks_counts_and_that_of_the_rank_that_failed() -> None:
    second = KEY_ERROR.replace("KeyError: 'a'", "MemoryError")
    assert kind(1, KEY_ERROR + "retrying\n" + second) == "out-of-memory"
    rank = "".join(f"[rank0]: {line}\n" for line in second.splitlines())
    other = "".join(
        f"[rank1]: {line}\n"
        for line in KEY_ERROR.replace(
            "KeyError: 'a'", "RuntimeError: Connection closed by peer"
        ).splitlines()
    )
    assert kind(1, rank + other) == "out-of-memory"


@pytest.mark.parametrize(
    ("number", "words"),
    [(9, "killed from outside"), (15, "asked to end"), (11, "memory that is not")],
)
def test_signals(number: int, words: str) -> None:
    failure = diagnose(Evidence(exit_code=128 + number, signal=number, tail="step 1\n"))
    assert failure is not None and failure.kind == "killed" and words in failure.message


def test_the_memory_killer_is_told_when_the_control_group_counts_it() -> None:
    failure = diagnose(Evidence(exit_code=137, signal=9, oom_kills=1))
    assert failure is not None and "memory ran out" in failure.message
    assert failure.evidence["oom_kill"] is True
    assert kind(137, signal=9, oom_kills=0) == "killed"


def test_a_lost_process_and_a_silent_one_are_unknown() -> None:
    assert kind(None) == "unknown"
    failure = diagnose(Evidence(exit_code=3, tail="giving up\n\n"))
    assert failure is not None and failure.message.endswith("its last words were: giving up")


def test_a_module_of_the_project_is_never_taken_for_a_package(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "scripts").mkdir()
    for name in ("einops", "src/deep", ".venv/lib", "data"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "einops" / "__init__.py").touch()
    (tmp_path / "src" / "deep" / "nets.py").touch()
    (tmp_path / ".venv" / "pyvenv.cfg").touch()
    (tmp_path / ".venv" / "lib" / "cv2.py").touch()
    (tmp_path / "data" / "rows.csv").touch()
    (tmp_path / "src" / "lab").mkdir()
    (tmp_path / "src" / "lab" / "train.py").touch()
    line = "Error while finding module specification for 'lab.train' (ModuleNotFoundError: No module named 'lab')"
    run_as = diagnose(Evidence(exit_code=1, tail=f"/usr/bin/python: {line}\n", cwd=str(tmp_path)))
    assert run_as is not None and run_as.evidence["folder"] == str(tmp_path / "src")
    found = {}
    for module in ("einops", "nets", "cv2", "data"):
        tail = KEY_ERROR.replace(
            "KeyError: 'a'", f"ModuleNotFoundError: No module named '{module}'"
        )
        failure = diagnose(Evidence(exit_code=1, tail=tail, cwd=str(tmp_path / "scripts")))
        assert failure is not None
        found[module] = (failure.kind, failure.evidence.get("folder"))
    assert found == {
        "einops": ("module-not-on-path", str(tmp_path)),
        "nets": ("module-not-on-path", str(tmp_path / "src" / "deep")),
        "cv2": ("missing-package", None),
        "data": ("missing-package", None),
    }


def test_a_write_over_several_lines_is_read_from_the_file(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    for mode, expected in (("wb", "missing-folder"), ("rb", "wrong-path")):
        script.write_text(
            f"import pickle\npickle.x = open(\n    'cache/a.pkl',\n    mode='{mode}',\n)\n"
        )
        done = subprocess.run(
            [sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True
        )
        assert (
            kind(1, done.stderr.replace('"train.py"', f'"{script}"'), cwd=str(tmp_path)) == expected
        )


def test_a_full_disk_under_a_torch_checkpoint() -> None:
    text = "[enforce fail at inline_container.cc:672] . unexpected pos 704 vs 598"
    assert kind(1, KEY_ERROR.replace("KeyError: 'a'", f"RuntimeError: {text}")) == "disk-full"
    shared = "OSError: [Errno 28] No space left on device: '/dev/shm/torch_42'"
    assert kind(1, KEY_ERROR.replace("KeyError: 'a'", shared)) == "shared-memory"


FRAGMENTS = st.sampled_from(
    [
        "Traceback (most recent call last):\n",
        '  File "/p/a.py", line 3, in f\n',
        "    open('x/y', 'w')\n",
        "FileNotFoundError: [Errno 2] No such file or directory: 'x/y'\n",
        "\nDuring handling of the above exception, another exception occurred:\n\n",
        "\nThe above exception was the direct cause of the following exception:\n\n",
        "[rank0]: ",
        "SyntaxError: bad\n",
        "╭─ Traceback (most recent call last) ─╮\n",
        "╰──╯\n",
        "No module named ''\n",
        "\r",
        "\x1b[",
    ]
)
WORDS = st.lists(FRAGMENTS | st.text(max_size=20), max_size=25).map("".join)
NAMES = st.text(max_size=12)


@given(
    WORDS,
    st.none() | st.integers(0, 255),
    st.none()
    | st.fixed_dictionaries(
        {"type": NAMES, "message": WORDS},
        optional={
            "frames": st.lists(st.fixed_dictionaries({"file": NAMES, "line": st.integers()}))
        },
    ),
)
def test_any_output_has_a_diagnosis(tail: str, code: int | None, exception) -> None:
    kind(code, tail, exception=exception)
    run_case(tail)


@given(st.text())
def test_lines_stay_lines(text: str) -> None:
    assert len(seen(text)) == text.count("\n") + 1
    raised(None, text)


def test_the_table_of_packages_is_sound() -> None:
    known = table()
    assert len(known) >= 250
    for module, names in known.items():
        assert names and all(part.isidentifier() for part in module.split("."))
        assert module.partition(".")[0] not in sys.stdlib_module_names
        assert all(normal(name) for name in names)
    assert known["cv2"][0] == "opencv-python-headless" and known["PIL"][0] == "pillow"


def test_what_the_project_declares(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "dev.txt").write_text(
        "-r base.txt\nPillow ~= 10.0 ; python_version > '3'\n-e git+https://example.org/x.git#egg=ours\n./local.whl\n"
    )
    (tmp_path / "requirements.txt").write_text(
        "# top\nopencv_contrib.python>=4  # vision\nrich[jupyter]==13.1 --hash=sha256:0\n--index-url x\n"
    )
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies = ["scikit-learn>1"]\n[dependency-groups]\ndev = ["umap-learn", {include-group = "x"}]\n'
        '[tool.poetry.dependencies]\npython = "^3.9"\ntimm = "^0.9.2"\nhydra-core = {version = "*"}\n'
    )
    (tmp_path / "setup.cfg").write_text(
        "[options]\ninstall_requires =\n    einops>=0.6\n    faiss-gpu\n"
    )
    (tmp_path / "environment.yml").write_text(
        "dependencies:\n  - python=3.10\n  - conda-forge::h5py=3.8=py310\n  - pytorch=1.13\n  - pip:\n    - wandb==0.15\n"
    )
    (tmp_path / "uv.lock").write_text(
        '[[package]]\nname = "einops"\nversion = "0.7.0"\n[[package]]\nname = "me"\nversion = "1"\nsource = {editable = "."}\n'
    )
    (tmp_path / "poetry.lock").write_text("not toml [")
    found = {name: requirement.text for name, requirement in declarations(tmp_path).items()}
    assert found == {
        "einops": "einops==0.7.0",
        "opencv-contrib-python": "opencv_contrib.python>=4",
        "rich": "rich[jupyter]==13.1",
        "pillow": "Pillow ~= 10.0",
        "ours": "ours @ git+https://example.org/x.git",
        "scikit-learn": "scikit-learn>1",
        "umap-learn": "umap-learn",
        "timm": "timm>=0.9.2,<0.10",
        "hydra-core": "hydra-core",
        "faiss-gpu": "faiss-gpu",
        "h5py": "h5py==3.8",
        "torch": "torch==1.13.*",
        "wandb": "wandb==0.15",
    }
    for module, text in (
        ("cv2", "opencv_contrib.python>=4"),
        ("faiss", "faiss-gpu"),
        ("ours", "ours @ git+https://example.org/x.git"),
        ("yaml", "PyYAML"),
    ):
        requirement = requirement_for(module, tmp_path)
        assert requirement is not None and requirement.text == text
    assert requirement_for("no_such_thing", tmp_path) is None


def test_ranges_of_poetry_and_conda() -> None:
    for given_, expected in {
        "^1.2.3": ">=1.2.3,<2",
        "^0.2": ">=0.2,<0.3",
        "^0": ">=0,<1",
        "~1.2.3": ">=1.2.3,<1.3",
        "~1": ">=1,<2",
        "1.0": "==1.0",
        ">=2,<3": ">=2,<3",
        "*": "",
    }.items():
        assert poetry_range(given_) == expected
    for given_, expected in {
        "": "",
        "=1.2": "==1.2.*",
        "==1.2": "==1.2",
        "=1.2.*": "==1.2.*",
        ">=1": ">=1",
        "=1.2=h1_0": "==1.2",
    }.items():
        assert conda_range(given_) == expected


def test_the_exit_code_of_a_missing_script_is_pythons_own(tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    done = subprocess.run(
        [sys.executable, "trian.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert kind(done.returncode, done.stderr, cwd=str(tmp_path)) == "wrong-path"
    assert os.listdir(tmp_path) == ["train.py"]


def test_a_slip_in_a_path_gets_the_name_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").touch()
    tail = "FileNotFoundError: [Errno 2] No such file or directory: 'data/trian.csv'\n"
    header = 'Traceback (most recent call last):\n  File "t.py", line 1, in <module>\n    open(p)\n'
    failure = diagnose(Evidence(exit_code=1, tail=header + tail, cwd=str(tmp_path)))
    assert failure is not None
    assert failure.message == "`data/trian.csv` is not there; did you mean data/train.csv?"


def test_a_run_that_stood_still_when_it_was_ended_is_told_as_a_hang() -> None:
    still = Finding(
        id="s", job="watch", rule="stalled", severity="error", confidence=0.9, advice="look at the stacks",
        message="no step for 95 s after step 41", where=in_run("r", 1), state="confirmed",
        evidence={"last_step": 41},
    )  # fmt: skip
    for number in (signal.SIGTERM, signal.SIGKILL):
        failure = diagnose(Evidence(exit_code=128 + number, signal=number, stood_still=still))
        assert failure is not None and failure.kind == "hang"
        assert "no step for 95 s" in failure.message and failure.evidence["last_step"] == 41
    moving = diagnose(Evidence(exit_code=137, signal=signal.SIGKILL))
    assert moving is not None and moving.kind == "killed"
    own = diagnose(Evidence(exit_code=1, stood_still=still, tail=KEY_ERROR))
    assert own is not None and own.kind == "own-code"


@pytest.mark.parametrize(
    ("error", "code", "values", "cause"),
    [
        (
            "KeyError: 'lable'",
            "y = df['lable']",
            {"df": "DataFrame (3, 2) of columns id, label"},
            "did you mean `label`",
        ),
        (
            "TypeError: Object of type float32 is not JSON serializable",
            "json.dump(m, f)",
            {},
            "`x.item()`",
        ),
        (
            "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xe9 in position 3: invalid continuation byte",
            "f.read()",
            {},
            "Latin-1",
        ),
        (
            "UnicodeDecodeError: 'utf-8' codec can't decode byte 0x8b in position 1: invalid start byte",
            "f.read()",
            {},
            "gzip",
        ),
        (
            "json.decoder.JSONDecodeError: Extra data: line 2 column 1 (char 9)",
            "json.load(f)",
            {},
            "JSON Lines",
        ),
        (
            "ValueError: Object arrays cannot be loaded when allow_pickle=False",
            "np.load(p)",
            {},
            "allow_pickle=True",
        ),
        (
            "AttributeError: 'NoneType' object has no attribute 'backward'",
            "loss_fn(m(x), y).backward()",
            {"y": "Tensor (3,)"},
            "`loss_fn(…)` gave None",
        ),
    ],
)
def test_the_likely_cause_is_said(
    error: str, code: str, values: dict[str, str], cause: str
) -> None:
    kind, _, message = error.partition(": ")
    frames = [{"file": "/p/train.py", "line": 3, "function": "f", "code": code, "values": values}]
    exception = {"type": kind, "message": message, "frames": frames}
    failure = diagnose(Evidence(exit_code=1, exception=exception))
    assert failure is not None and cause in failure.evidence["cause"]


def test_where_a_yaml_file_breaks_is_said(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML words its errors itself")
    (tmp_path / "c.yaml").write_text("lr: 0.1\nmodel:\n\tdim: 3\n")
    with pytest.raises(yaml.YAMLError) as caught, (tmp_path / "c.yaml").open() as file:
        yaml.safe_load(file)
    frames = [{"file": "/p/train.py", "line": 3, "function": "f", "code": "yaml.safe_load(f)"}]
    exception = {
        "type": "yaml.scanner.ScannerError",
        "message": str(caught.value),
        "frames": frames,
    }
    failure = diagnose(Evidence(exit_code=1, exception=exception))
    assert failure is not None and "c.yaml, line 3" in failure.evidence["cause"]
    assert "never by tabs" in failure.evidence["cause"]


def test_a_missing_main_guard_counts_more_than_what_the_parent_makes_of_it():
    child = "RuntimeError: An attempt has been made to start a new process before the current process has\n        finished its bootstrapping phase.\n"
    assert (
        kind(1, child + KEY_ERROR.replace("KeyError: 'a'", "RuntimeError: worker ended"))
        == "not-picklable"
    )
