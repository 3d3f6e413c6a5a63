"""Once each, edited where it can be, nothing lost, no address ever told."""

import json
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhand.notify.courier import Courier
from labhand.notify.news import News
from labhand.notify.quiet import FILE, Quiet

SECRET = "s3cr3t-tok3n"


def news(stage="alarm", key="i1", run="r1", text=""):
    return News(
        run=run, key=key, stage=stage, title=f"{key} {stage}", body=text or stage, grave=True
    )


@pytest.fixture
def home(tmp_path):
    (tmp_path / "runs" / "r1").mkdir(parents=True)
    return tmp_path


def deliver(home, addresses, *said, hours=None, run="r1"):
    """What the courier had to tell."""
    told = []
    courier = Courier(addresses, home, run, hours, told.append)
    for one in said:
        courier.post(one)
    courier.close()
    return told


def around_now(minutes=60):
    now = datetime.now()  # noqa: DTZ005
    begin, end = now - timedelta(minutes=minutes), now + timedelta(minutes=minutes)
    return Quiet(begin.hour * 60 + begin.minute, end.hour * 60 + end.minute)


def test_each_thing_is_told_once_and_again_only_where_that_is_news(home, inbox):
    told = deliver(home, [inbox.address()], news(), news(text="worse"), news("closed"))
    assert told == []
    assert inbox.titles == ["i1 alarm"]
    deliver(home, [inbox.address()], news(), news("recovered"), news("recovered"))
    assert inbox.titles == ["i1 alarm", "i1 recovered"]


def test_a_restart_of_labhand_sends_nothing_twice(home, inbox):
    for _ in range(3):
        deliver(home, [inbox.address()], news(), news("end", key="end"))
    assert inbox.titles == ["i1 alarm", "end end"]


def test_a_second_incident_during_the_first_is_told(home, inbox):
    deliver(home, [inbox.address()], news(), news(key="i2"))
    assert inbox.titles == ["i1 alarm", "i2 alarm"]


def test_ntfy_edits_its_message_where_the_server_can(home, inbox):
    inbox.answer = lambda content: {"id": "x", "sequence_id": content["sequence_id"]}
    address = inbox.address("ntfy", "/topic")
    deliver(home, [address], news(), news("recovered"))
    deliver(home, [address], news("closed"))
    assert inbox.titles == ["i1 alarm", "i1 recovered", "i1 closed"]
    assert len({content["sequence_id"] for _, _, content in inbox.came}) == 1


def test_the_ends_of_two_runs_in_one_topic_are_two_messages(home, inbox):
    (home / "runs" / "r2").mkdir()
    inbox.answer = lambda content: {"id": "x", "sequence_id": content["sequence_id"]}
    for run in ("r1", "r2"):
        deliver(home, [inbox.address("ntfy", "/t")], news("end", key="end", run=run), run=run)
    assert len({content["sequence_id"] for _, _, content in inbox.came}) == 2


def test_a_message_of_discord_that_somebody_deleted_is_sent_anew(home, inbox, monkeypatch):
    from apprise.plugins.discord import NotifyDiscord

    monkeypatch.setattr(NotifyDiscord, "notify_url", f"http://127.0.0.1:{inbox.port}")
    inbox.answer = lambda content: {"id": str(len(inbox.came))}
    inbox.refuses = lambda method: method == "PATCH"
    told = deliver(home, [f"discord://4174216298/{SECRET}"], news(), news("recovered"))
    assert told == []
    assert [method for method, _, _ in inbox.came] == ["POST", "PATCH", "POST"]


def test_an_old_ntfy_is_told_only_what_is_news(home, inbox):
    inbox.answer = lambda content: {"id": "x"}
    deliver(home, [inbox.address("ntfy", "/topic")], news(), news(text="b"), news("closed"))
    assert inbox.titles == ["i1 alarm"]


def test_discord_edits_its_message(home, inbox, monkeypatch):
    from apprise.plugins.discord import NotifyDiscord

    monkeypatch.setattr(NotifyDiscord, "notify_url", f"http://127.0.0.1:{inbox.port}")
    inbox.answer = lambda content: {"id": "42"}
    deliver(home, [f"discord://4174216298/{SECRET}"], news(), news("recovered"))
    assert [(method, path) for method, path, _ in inbox.came] == [
        ("POST", f"/4174216298/{SECRET}?wait=true"),
        ("PATCH", f"/4174216298/{SECRET}/messages/42?wait=true"),
    ]
    assert SECRET not in (home / "runs/r1/notified.jsonl").read_text()


def test_a_service_that_is_down_for_a_moment_gets_the_newest_word(home, inbox):
    inbox.refusals = 1
    assert deliver(home, [inbox.address()], news(), news("recovered")) == []
    assert inbox.titles[-1] == "i1 recovered" and len(inbox.came) <= 2


def test_a_service_that_stays_down_is_told_once_and_misses_nothing(home, inbox, monkeypatch):
    monkeypatch.setattr("labhand.notify.courier.PATIENCE_S", 0.3)
    inbox.refusals = 10_000
    (told,) = deliver(home, [inbox.address(place=f"/{SECRET}")], news(), news("end", key="end"))
    assert "does not take messages" in told and SECRET not in told
    inbox.refusals = 0
    (home / "runs" / "r2").mkdir()
    assert deliver(home, [inbox.address()], run="r2") == []
    assert len(inbox.came) == 1 and "i1 alarm" in inbox.bodies[0] and "end end" in inbox.bodies[0]
    deliver(home, [inbox.address()], news(), news("end", key="end"))
    assert len(inbox.came) == 1


def test_quiet_hours_hold_everything_for_one_message_after(home, inbox):
    deliver(home, [inbox.address()], news(), news(key="i2"), news("recovered"), hours=around_now())
    assert inbox.came == []
    deliver(home, [inbox.address()])
    assert len(inbox.came) == 1
    assert "i1 recovered" in inbox.bodies[0] and "i2 alarm" in inbox.bodies[0]
    assert "i1 alarm" not in inbox.bodies[0]
    assert (home / FILE).read_bytes() == b""


def test_an_address_that_means_nothing_is_told_without_its_secrets(home, inbox):
    told = deliver(home, [f"nosuch://{SECRET}@host", inbox.address(), f"{SECRET}"], news())
    assert len(told) == 2 and not any(SECRET in sentence for sentence in told)
    assert inbox.titles == ["i1 alarm"]


def test_without_apprise_one_sentence_says_how_to_install_it(home, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "apprise", None)
    (told,) = deliver(home, [f"json://{SECRET}@host"], news())
    assert "pip install 'labhand[notify]'" in told and SECRET not in told


def test_what_waits_survives_a_torn_line(home, inbox):
    deliver(home, [inbox.address()], news(), hours=around_now())
    with (home / FILE).open("ab") as file:
        file.write(b'{"schema":"labh')
    deliver(home, [inbox.address()])
    assert inbox.titles == ["i1 alarm"]


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 1439))
def test_quiet_hours_end_when_they_say(begin, end, minute):
    now = datetime(2026, 3, 4, minute // 60, minute % 60, 30)  # noqa: DTZ001
    left = Quiet(begin, end).left(now)
    inside = begin <= minute < end if begin <= end else (minute >= begin or minute < end)
    assert (left > 0) == inside
    if inside:
        over = now + timedelta(seconds=left)
        assert over.hour * 60 + over.minute == end and left <= 24 * 3600


def test_nothing_of_an_address_is_in_what_is_kept(home, inbox, monkeypatch):
    monkeypatch.setattr("labhand.notify.courier.PATIENCE_S", 0.1)
    deliver(home, [inbox.address(place=f"/{SECRET}")], news())
    inbox.refusals = 100
    deliver(home, [inbox.address(place=f"/{SECRET}")], news(key="i9"))
    kept = [path.read_text() for path in home.rglob("*") if path.is_file()]
    assert kept and not any(SECRET in text or str(inbox.port) in text for text in kept)
    assert all(json.loads(line) for text in kept for line in text.splitlines())
