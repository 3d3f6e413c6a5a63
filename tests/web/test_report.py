"""The report: one file that holds everything, loads nothing, and says what happened."""

import hashlib
import itertools
import json
import re
import types
import typing
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhand.core.finding import Finding, in_run
from labhand.core.run import Failure
from labhand.scan import scan
from labhand.web import data_report, report
from labhand.web import page as contract
from labhand.web.curves import passes, plan

WEB = Path(report.__file__).parent
HOSTILE = '</script><script>alert("x")</script><img src=x onerror=alert(1)>&amp;{{ 7*7 }}'


class Document(HTMLParser):
    """What a browser would see: tags with their attributes, and the text outside of scripts."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.scripts, self._inside = [], "", [], None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data

    @property
    def data(self):
        return json.loads(self.scripts[0])

    def having(self, **wanted):
        return [t for t, a in self.tags if all(a.get(k) == v for k, v in wanted.items())]


def written(made):
    store, root, run = made
    return Document(report.write(store, root, run.id).read_text(encoding="utf-8"))


def test_it_stands_in_the_runs_folder_and_is_private(example):
    store, root, run = example
    path = report.write(store, root, run.id)
    assert path == store.folder(run.id) / "report.html"
    assert path.stat().st_mode & 0o077 == 0
    assert path.stat().st_size < 400_000


def test_it_loads_nothing(example):
    seen = written(example)
    for tag, attributes in seen.tags:
        for name in ("src", "href", "srcset", "action", "data"):
            value = attributes.get(name) or ""
            assert tag == "a" or value in ("", "data:,"), (tag, name, value)
    store, _, run = example
    html = (store.folder(run.id) / "report.html").read_text()
    assert not re.search(r"@import|url\(\s*['\"]?\s*(?:https?:)?//|\bfetch\(|XMLHttpRequest", html)
    assert "default-src 'none'" in html


def test_what_was_taken_from_elsewhere_is_as_it_was_published():
    vendor = WEB / "static" / "vendor"
    locked = [line.split() for line in (vendor / "LOCK").read_text().splitlines() if line[0] != "#"]
    for _, _, file, digest in locked:
        assert hashlib.sha256((vendor / file).read_bytes()).hexdigest() == digest
    kept = {path.name for path in vendor.iterdir()} - {"LOCK"}
    assert kept == {file for _, _, file, _ in locked}
    assert any("LICENSE" in file for file in kept)


def test_the_licence_of_what_was_taken_goes_with_every_copy(example):
    seen = written(example)
    assert "Copyright (c) 2022 Leon Sorokin" in seen.scripts[1]
    assert "&#34;" not in seen.scripts[1]


def test_an_imported_run_without_a_time_is_drawn_from_its_first_point(recorded):
    store, root, run = recorded([{"loss": 1.0}, {"loss": 0.5}])
    run.started = ""
    where = in_run(run.id, 1, step=1, time="some day", metric="loss")
    run.findings = [Finding(id="f", job="watch", rule="spike", severity="note", confidence=1,
                            message="m", where=where, advice="a")]  # fmt: skip
    store.write(run)
    seen = written((store, root, run))
    assert seen.data["charts"][0]["lines"][0]["t"][0] == 0
    assert seen.data["marks"][0]["time"] == pytest.approx(0.1)


def test_our_own_browser_code_stays_small():
    own = [*(WEB / "static").glob("*.js"), *(WEB / "static").glob("*.css")]
    lines = {path.name: len(path.read_text().splitlines()) for path in own}
    assert lines["report.js"] <= 350
    assert lines["app.css"] <= 400


def test_it_says_in_one_sentence_how_the_run_went(example):
    seen = written(example)
    assert "Finished in 46 s, at attempt 2. Loss became NaN at step 812" in seen.text
    assert "from batch rows 7 and 21." in seen.text


def test_findings_come_with_evidence_code_advice_and_fix(example):
    seen = written(example)
    assert "layer encoder.1 · batch rows 7, 21" in seen.text
    assert "The input of rows 7 and 21 holds NaN" in seen.text
    assert "watch · error · recovered" in seen.text
    assert "        loss.backward()" in seen.text
    assert "scientific fix" in seen.text
    assert "+        optimizer.zero_grad()" in seen.text


def test_what_changed_since_the_last_run_is_told(example):
    seen = written(example)
    assert "Against calm-owl of 2026-11-21 17:02" in seen.text
    assert "One run each: a difference may be noise." in seen.text
    assert "momentum=0.9)" in seen.text
    assert [a["class"] for t, a in seen.tags if t == "span" and a.get("class") == "del"]
    assert re.search(r"momentum\s*unset\s*0\.9", seen.text)


def test_attempts_come_with_failure_and_the_exact_patch(example):
    seen = written(example)
    assert "missing-folder The folder runs/mlp does not exist" in seen.text
    assert "neutral fix" in seen.text
    assert "mkdir -p runs/mlp" in seen.text


def test_output_is_shown_without_escape_sequences(example):
    seen = written(example)
    assert re.search(r"step +1450 +train/loss", seen.text)
    assert "\x1b" not in seen.text


def test_train_and_validation_share_a_chart_and_the_run_before_lies_below(example):
    charts = written(example).data["charts"]
    kinds = [(line["kind"], line["colour"]) for line in charts[0]["lines"]]
    assert kinds == [("before", 1), ("before", 2), ("old", 1), ("now", 1), ("old", 2), ("now", 2)]


def test_findings_and_attempts_are_marked_where_they_belong(example):
    data = written(example).data
    labels = [[data["marks"][m]["label"] for m in c["marks"]] for c in data["charts"]]
    assert labels[0] == ["attempt 2", "non-finite", "spike"]
    assert labels[1] == ["attempt 2"]
    marks = {mark["label"]: mark for mark in data["marks"]}
    assert marks["non-finite"]["step"] == 812
    assert marks["spike"]["time"] == pytest.approx(13 + 1130 * 0.0213, abs=1.5)
    assert marks["attempt 2"]["step"] is None, "it began anew, at the left edge"


def test_not_finite_values_reach_the_browser(recorded):
    rows = [{"loss": v} for v in (1.0, float("nan"), float("inf"), float("-inf"), 0.5)]
    seen = written(recorded(rows))
    assert seen.data["charts"][0]["lines"][0]["v"] == [1.0, "NaN", "Infinity", "-Infinity", 0.5]
    assert "3 not finite" in seen.text


def test_a_loss_that_ends_as_nan_says_so_and_not_its_last_good_value(recorded):
    seen = written(recorded([{"loss": v} for v in (2.0, 1.0, float("nan"))]))
    assert "loss NaN" in seen.text


def test_a_spike_among_many_points_is_never_thinned_away(recorded):
    rows = [{"loss": 1.0 + (step % 7) * 1e-3} for step in range(30_000)]
    rows[12_345]["loss"] = 99.0
    seen = written(recorded(rows))
    line = seen.data["charts"][0]["lines"][0]
    assert len(line["v"]) <= 4_000
    steps = list(itertools.accumulate(line["s"]))
    assert steps[line["v"].index(99.0)] == 12_345
    assert "every peak and dip is kept" in seen.text


def test_many_metrics_are_folded_and_can_be_filtered(recorded):
    row = {
        f"layer{i}/{kind}": 0.1 * i for i in range(125) for kind in ("mean", "std", "max", "min")
    }
    store, root, run = recorded([row, row, row])
    seen = written((store, root, run))
    assert len([t for t, a in seen.tags if t == "figure"]) == 500
    assert seen.having(id="filter")
    assert (store.folder(run.id) / "report.html").stat().st_size < 800_000


def test_whatever_a_name_a_command_or_the_output_holds_it_stays_text(recorded):
    finding = Finding(
        id="f", job="watch", rule=HOSTILE, severity="error", confidence=1, message=HOSTILE,
        where=in_run("r", 1, step=1, metric=HOSTILE, layer=HOSTILE), advice=HOSTILE,
        evidence={HOSTILE: HOSTILE},
    )  # fmt: skip
    seen = written(
        recorded(
            [{HOSTILE: 1.0}, {HOSTILE: 2.0}],
            output=HOSTILE + "\n\x1b[31mred\x1b[0m\u202e\x00 \udcff",
            name=HOSTILE,
            command=["python", HOSTILE],
            config={HOSTILE: HOSTILE},
            findings=[finding],
        )
    )
    assert len(seen.scripts) == 2
    assert not [t for t, _ in seen.tags if t == "img"]
    assert seen.data["marks"][0]["label"] == HOSTILE
    assert seen.text.count('</script><script>alert("x")</script>') >= 8
    assert "{{ 7*7 }}" in seen.text
    assert not set("\x1b\u202e\x00") & set(seen.text)


def test_a_run_of_which_nothing_is_known_still_has_a_report(recorded):
    store, root, run = recorded([], status="lost", exit_code=None, wall_s=None)
    run.attempts = []
    store.write(run)
    seen = written((store, root, run))
    assert "Lost: the process is gone and left no exit code" in seen.text
    assert not [t for t, _ in seen.tags if t == "figure"]


def test_a_failed_run_says_why(recorded):
    store, root, run = recorded([{"loss": 1.0}], status="failed", exit_code=1)
    run.attempts[0].exit_code = 1
    run.attempts[0].failure = Failure("own-code", "KeyError: 'labels' in train.py line 12.")
    store.write(run)
    seen = written((store, root, run))
    assert (
        "Failed after 12 s with exit code 1: KeyError: 'labels' in train.py line 12." in seen.text
    )
    assert "Attempts and fixes" in seen.text


def test_the_page_shows_every_field_of_its_contract():
    """Each text that the template is given must come out of it: none is carried along unseen."""
    tokens = (f"tok{n}en" for n in itertools.count())
    given = []

    def made(kind):
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if kind is str:
            given.append(next(tokens))
            return given[-1]
        if kind in (int, bool):
            return 1
        if origin is list:
            return [made(arguments[0])]
        if origin is tuple:
            return tuple(map(made, arguments))
        if origin is typing.Literal:
            return arguments[0]
        if origin in (typing.Union, types.UnionType):
            return made(arguments[0])
        if origin is dict:
            return {}
        hints = typing.get_type_hints(kind)
        return kind(**{f.name: made(hints[f.name]) for f in msgspec.structs.fields(kind)})

    whole = made(contract.Page)
    # A failed attempt, so that the attempts are shown; a patch's title is the file's name
    whole = msgspec.structs.replace(
        whole, tries=[msgspec.structs.replace(whole.tries[0], good=False)]
    )
    html = report.render(whole)
    unseen = [token for token in given if token not in html]
    keys = {key.name for group in whole.groups for chart in group.charts for key in chart.keys}
    assert set(unseen) == keys, "a metric's name is for the tests; the page shows its label"


def test_the_report_of_a_scan_shows_rows_values_and_the_undo(tmp_path: Path) -> None:
    lines = [f"{20 + i % 50},{160 + i % 31},plain <b>" for i in range(120)]
    lines[7] = lines[60] = lines[90] = "-999,170,plain <b>"
    path = tmp_path / "people.csv"
    path.write_text("age,height,note\n" + "\n".join(lines))
    out = tmp_path / "out"
    findings = scan([path], out=out, select=["disguised-missing"])
    page = data_report.write(findings, out, [path], {}, {}, None, tmp_path).read_text()
    assert 'class="hit">-999<' in page and "plain &lt;b&gt;" in page
    assert page.count("<rect ") == data_report.BINS and "<path " in page
    assert "labhand scan --apply" in page and "labhand scan --undo" in page
    assert "http" not in page.replace("http-equiv", "")


def test_what_was_looked_at_in_layers_is_one_chart_a_measure_apart_from_the_persons_own():
    names = ["loss", "probe/lr", "batch/classes", "batch/loss", "system/cpu_percent"]
    names += [f"layer/body.{i}/dead" for i in range(3)] + ["layer/body.0/update"]
    groups = {title: [c.title or c.lines[0][0] for c in charts] for title, charts in plan(names)}
    assert groups == {
        "Metrics": ["loss", "batch/loss"],
        "Probe": ["learning rate"],
        "Layers and batches": ["batch: classes", "dead", "body.0 update"],
        "Machine": ["load"],
    }


def test_a_turn_of_a_conversation_is_shown_where_it_is_told_and_no_secret_with_it(tmp_path):
    key = "sk-" + "aB3dE5gH7jK9" * 4
    lines = []
    for i in range(60):
        more = {7: " Write to maria.keller@gmail.com about it.", 9: f" export OPENAI_API_KEY={key}"}
        answer = f"The sum of {i} and {i + 1} is {2 * i + 1}, as you can check.{more.get(i, '')}"
        turns = [{"from": "human", "value": f"Add {i} to it."}, {"from": "gpt", "value": answer}]
        lines.append(json.dumps({"conversations": turns}))
    path, out = tmp_path / "chat.jsonl", tmp_path / "out"
    path.write_text("\n".join(lines))
    findings = scan([path], out=out, select=["personal-data", "secret"])
    page = data_report.write(findings, out, [path], {}, {}, None, tmp_path).read_text()
    assert "is 15, as you can check. Write to <mark>maria.keller@gmail.com</mark> about it." in page
    assert "OPENAI_API_KEY" in page and key not in page


@given(st.lists(st.lists(st.integers(5, 60), min_size=2, max_size=20, unique=True), max_size=6))
def test_trainings_of_one_run_are_drawn_apart_each_by_its_steps(trainings):
    trainings = [[0, *sorted(steps)] for steps in trainings]
    clock = itertools.count()
    logged = [(step, float(next(clock)), 0.5) for steps in trainings for step in steps]
    drawn = passes(sorted(logged))
    assert [[step for step, _, _ in part] for part in drawn] == (trainings or [[]])


def test_steps_out_of_order_are_one_training():
    logged = [(0, 0.0, 1.0), (10, 1.0, 0.9), (20, 2.0, 0.8), (15, 3.0, 0.85), (30, 4.0, 0.7)]
    assert passes(sorted(logged)) == [sorted(logged)]
