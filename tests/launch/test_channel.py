"""The way between labhand and a job elsewhere: nothing torn, nothing secret, nothing twice."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhand.core.errors import InputError
from labhand.launch import channel, far
from labhand.launch.channel import Frames
from labhand.launch.contract import job_of, python

FRAMES = st.lists(
    st.tuples(st.sampled_from([b"o", b"e", b"x"]), st.binary(max_size=40)), max_size=8
)


@given(FRAMES, st.lists(st.integers(1, 30), max_size=20))
def test_frames_arrive_whole_however_the_disk_shows_them(tmp_path_factory, sent, cuts) -> None:
    whole, shown = (tmp_path_factory.mktemp("c") / name for name in ("whole", "shown"))
    for kind, content in sent:
        channel.send(whole, kind, content)
    data = whole.read_bytes() if sent else b""
    frames, seen, at = Frames(shown), [], 0
    for cut in [*cuts, len(data)]:
        with shown.open("ab") as file:
            file.write(data[at : at + cut])
        at += cut
        seen += frames.read()
    assert seen == sent


def test_a_plan_holds_no_secret_and_is_private(tmp_path: Path) -> None:
    job = job_of(tmp_path, python(""), MY_API_KEY="sk-" + "a1B2" * 10, GREETING="hello")
    place = channel.make(job, whole=False)
    told = (place / "plan.json").read_text()
    assert "hello" in told and "a1B2" not in told
    assert place.stat().st_mode & 0o077 == 0 and (place / "plan.json").stat().st_mode & 0o077 == 0


def test_a_job_is_handed_in_once(tmp_path: Path) -> None:
    job = job_of(tmp_path, python(""))
    channel.make(job, whole=True)
    with pytest.raises(InputError, match="File exists"):
        channel.make(job, whole=True)


@pytest.mark.parametrize(
    "spoil",
    [lambda place: channel.remove(place), lambda place: (place / "plan.json").write_text("{")],
)
def test_without_a_whole_plan_nothing_is_started(tmp_path: Path, spoil) -> None:
    """As when the job was taken back, and comes all the same."""
    place = channel.make(job_of(tmp_path, python("open('started', 'w')")), whole=True)
    spoil(place)
    with pytest.raises((OSError, ValueError)):
        far.carry(place, os.environ)
    assert not (tmp_path / "started").exists()


def test_what_belongs_to_the_place_stands() -> None:
    here = {"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "3", "PATH": "/node", "TMPDIR": "/scratch"}
    planned = {"SLURM_JOB_ID": "1", "CUDA_VISIBLE_DEVICES": "0", "PATH": "/mine", "LR": "1"}
    assert far.environment(planned, here) == here | {"PATH": "/mine", "LR": "1"}
