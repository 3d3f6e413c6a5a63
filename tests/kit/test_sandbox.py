"""What a confined command can and cannot do."""

import os
import sys

import pytest

from labhand.kit import confined
from labhand.kit.sandbox import Sandbox

held = pytest.mark.skipif(not confined.landlock(), reason="this kernel has no Landlock")


@pytest.fixture
def places(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    return inside, outside


@held
def test_it_writes_in_its_folders_and_nowhere_else(places):
    inside, outside = places
    (outside / "kept").write_text("mine")
    code = (
        f"echo 1 > in; echo 2 > {outside}/out; rm {outside}/kept; mv in there; cat {outside}/kept"
    )
    said = Sandbox([inside]).run(["sh", "-c", code], inside, 20)
    assert [p.name for p in inside.iterdir()] == ["there"]
    assert [p.name for p in outside.iterdir()] == ["kept"] and said.stdout == "mine"


def test_keys_do_not_get_through(places, monkeypatch):
    monkeypatch.setenv("LABHAND_API_KEY", "hush")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    said = Sandbox([places[0]]).run(["env"], places[0], 20)
    assert "hush" not in said.stdout and "PATH=" in said.stdout


def test_a_command_that_goes_on_is_ended_with_all_it_started(places):
    said = Sandbox([places[0]]).run(["sh", "-c", "sleep 60 & sleep 60"], places[0], 0.5)
    assert said.exit_code == 124


def test_there_is_no_network_but_the_loopback(places):
    code = "import socket\nprint([n for _, n in socket.if_nameindex()])"
    box = Sandbox([places[0]])
    if "no network" not in box.told():
        pytest.skip("this machine does not allow it")
    assert box.run([sys.executable, "-c", code], places[0], 30).stdout.strip() == "['lo']"


def test_the_temporary_folder_is_there_and_goes(places):
    said = Sandbox([places[0]]).run(["sh", "-c", "echo x > $TMPDIR/a; echo $TMPDIR"], places[0], 20)
    assert said.exit_code == 0 and not os.path.exists(said.stdout.strip())
