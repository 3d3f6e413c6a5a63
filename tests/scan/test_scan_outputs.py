"""Outputs of runs and transcripts of agents, in the files that the tools write: read, named, told."""

import json
import random
import zipfile

import numpy as np
import pytest

from labhand.core.errors import InputError
from labhand.scan import open_data, scan
from labhand.scan.text_corruption import prose
from labhand.scan.transcripts import messages_of

TEXTS = [text for _, text in prose()]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def said(findings):
    return {f.rule for f in findings.findings if f.severity != "note"}


def only(findings, rule):
    (found,) = [f for f in findings.findings if f.rule == rule]
    return found


@pytest.fixture
def log(tmp_path):
    """An Inspect log of 12 samples, three epochs, two scorers; two samples met a limit."""
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "_journal/start.json", json.dumps({"eval": {"run_id": "r1", "model": "m"}})
        )
        for i in range(12):
            for epoch in (1, 2, 3):
                right = (i * 3 + epoch) % 4 > 0
                sample = {
                    "id": i, "epoch": epoch, "input": "attachment://a", "target": str(i + 40),
                    "attachments": {"a": f"What is {i} and 40?"}, "messages": [],
                    "output": {"choices": [{
                        "stop_reason": "max_tokens" if (i, epoch) in ((2, 1), (7, 2)) else "stop",
                        "message": {"content": [{"type": "text", "text": TEXTS[i * 3 + epoch]}]},
                    }]},
                    "scores": {
                        "match": {"value": "C" if right else "I", "answer": str(i + 40) if right else "9"},
                        "judge": {"value": {"style": 3, "truth": 1}},
                    },
                }  # fmt: skip
                archive.writestr(f"samples/{i}_epoch_{epoch}.json", json.dumps(sample))
    return path


def test_a_log_of_epochs_and_scorers_is_a_row_each_and_its_roles_are_told(log):
    findings = scan([log])
    roles = findings.summary["roles"]
    assert (
        roles["score"] == "score/match" and roles["item"] == "item" and roles["repeat"] == "epoch"
    )
    (part,) = open_data([log]).data.parts
    assert part.rows == 36 and {"score/judge/style", "answer/match"} <= set(part.names)
    assert part.lazy.collect()["input"][0] == "What is 0 and 40?"
    assert only(findings, "truncated-text").where.rows == [6, 22]


def test_of_a_torn_log_the_whole_samples_are_read_and_it_is_said(log):
    raw = log.read_bytes()
    log.write_bytes(raw[: int(0.6 * len(raw))])
    opened = open_data([log])
    assert 10 < opened.data.parts[0].rows < 36
    assert any("torn" in s.why for s in opened.skipped)
    log.write_bytes(raw[:40])
    with pytest.raises(InputError, match="without a sample"):
        open_data([log])


LOOP = [
    {
        "action": "python repro.py",
        "observation": "The total of all the rows is 4.",
        "thought": "Again.",
    }
] * 5


def test_trajectories_of_a_folder_are_one_table(tmp_path):
    for number in range(3):
        steps = [
            {"action": "ls", "observation": f"src tests {number}", "thought": "Look."},
            *(LOOP if number == 1 else LOOP[:1]),
            {"action": "submit", "observation": "", "thought": "Done."},
        ]
        told = {
            "trajectory": steps,
            "history": [{"role": "user", "content": f"Mend issue {number}."}],
            "info": {"exit_status": "submitted", "submission": f"diff {number}"},
        }
        (tmp_path / f"org__repo-{number}.traj").write_text(json.dumps(told))
    findings = scan([tmp_path])
    assert findings.summary["parts"][0]["rows"] == 3
    found = only(findings, "tool-loop")
    assert found.where.rows == [1] and found.evidence["messages"][0]["row"] == 1
    first, last = (found.evidence["messages"][0][k] for k in ("first", "last"))
    assert (first, last) == (3, 12)


def test_fenced_commands_of_mini_swe_agent_and_events_of_openhands_are_calls(tmp_path):
    test = "sed -i 's/assert f() == 2/assert True/' tests/test_f.py"
    messages = [{"role": "user", "content": "Mend f. Do not modify any tests."}]
    for command in ("ls", test, "pytest -q"):
        messages += [
            {"role": "assistant", "content": f"THOUGHT: go on\n\n```bash\n{command}\n```"},
            {"role": "user", "content": "<returncode>0</returncode>\n<output>\nfine\n</output>"},
        ]
    (tmp_path / "a.traj.json").write_text(json.dumps({"messages": messages, "info": {}}))
    found = only(scan([tmp_path / "a.traj.json"]), "test-tampering")
    assert (
        "Do not modify any tests" in found.message and found.evidence["messages"][0]["message"] == 3
    )
    events = [{"source": "user", "action": "message", "args": {"content": "Count the rows."}}]
    for _ in range(4):
        events += [
            {"source": "agent", "action": "run", "args": {"command": "wc rows.csv"}},
            {
                "source": "agent",
                "observation": "run",
                "content": "the file has 12 rows",
                "extras": {},
            },
        ]
    path = write(tmp_path / "output.jsonl", [{"instance_id": "x", "history": events}])
    path.write_text(path.read_text() + '{"instance_id": "y", "hist')
    assert "tool-loop" in said(scan([path]))


def test_samples_of_the_harness_are_read_with_their_filter(tmp_path):
    rows = [
        {
            "doc_id": i, "doc": {}, "target": str(i + 5), "filter": "strict-match", "metrics": ["exact_match"],
            "arguments": {"gen_args_0": {"arg_0": f"Question: {TEXTS[i]}"}},
            "resps": [[f"{TEXTS[i + 40]} So it is {i + 5}."]],
            "filtered_resps": ["[invalid]" if i in (3, 9) else str(i + 5)],
            "exact_match": 0.0 if i in (3, 9) else 1.0,
        }
        for i in range(24)
    ]  # fmt: skip
    found = only(scan([write(tmp_path / "samples_gsm.jsonl", rows)]), "parse-failure")
    assert found.where.rows == [3, 9] and found.evidence["hold_the_target"] == 2


def test_calls_are_the_same_however_they_are_written():
    arguments = {"path": "a.py"}
    openai = [
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "read", "arguments": json.dumps(arguments)}}]},
        {"role": "tool", "tool_call_id": "1", "content": "x = 1"},
    ]  # fmt: skip
    anthropic = [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "read", "input": arguments}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "x = 1"}]},
    ]  # fmt: skip
    written = [
        {"role": "assistant", "content": '<tool_call>{"name": "read", "arguments": {"path": "a.py"}}</tool_call>'},
        {"role": "user", "content": "<tool_response>x = 1</tool_response>"},
    ]  # fmt: skip
    react = 'Question: q\nThought: t\nAction: read\nAction Input: {"path": "a.py"}\nObservation: x = 1\nThought: end'
    for told in (openai, anthropic, json.dumps(openai), written, react):
        calls = [c for m in messages_of(told) for c in m.calls]
        results = [m.text for m in messages_of(told) if m.speaker == "tool"]
        assert [(c.name, c.arguments) for c in calls] == [("read", arguments)]
        assert len(results) == 1 and "x = 1" in results[0]


def test_a_step_that_only_names_of_files_tell_is_a_step(tmp_path):
    for step in (0, 100, 200, 300):
        like = [TEXTS[3]] * 9 if step == 300 else TEXTS[step : step + 9]
        write(
            tmp_path / f"samples_{step}.jsonl",
            [{"prompt": f"p{i}", "completion": t} for i, t in enumerate(like)],
        )
    found = only(scan([tmp_path]), "mode-collapse")
    assert "at step 300" in found.message and len(found.where.rows) == 9


def portraits():
    order = random.Random(1)
    looks = [t.split(". ")[0] for t in TEXTS]
    rows = [
        {"as": group, "portrait": f"A calm woman with glasses and a {order.choice(['grey', 'blue'])} sweater smiles."
         if group == "person" else order.choice(looks)}
        for group in ("person", "animal", "place") for _ in range(24)
    ]  # fmt: skip
    order.shuffle(rows)
    return rows


def test_groups_far_less_diverse_are_a_report_in_json_and_a_finding(tmp_path):
    path = write(tmp_path / "portraits.jsonl", portraits())
    findings = scan([path], roles={"group": "as"}, select=["mode-collapse"])
    (report,) = findings.summary["diversity"]
    groups = {g["group"]: g for g in report["groups"]}
    assert report["by"] == "as" and [n for n, g in groups.items() if g["far_less"]] == ["person"]
    one = groups["person"]
    assert one["vendi_low"] <= one["vendi"] <= one["vendi_high"] and one["p"] < 0.01
    assert len(one["nearest"]) == 3 and "calm woman" in one["nearest"][0]["text"]
    assert only(findings, "mode-collapse").where.rows_total == 24


def test_groups_are_compared_by_embeddings_where_these_are_given(tmp_path):
    rows = portraits()
    generator = np.random.default_rng(0)
    made = np.stack(
        [
            np.ones(32) + generator.normal(size=32) * (0.05 if r["as"] == "animal" else 1)
            for r in rows
        ]
    )
    np.save(tmp_path / "e.npy", made)
    path = write(tmp_path / "portraits.jsonl", rows)
    findings = scan(
        [path], roles={"group": "as"}, embeddings=tmp_path / "e.npy", select=["mode-collapse"]
    )
    assert "animal" in only(findings, "mode-collapse").message


def test_a_result_that_is_perfect_is_told_by_its_task(tmp_path):
    told = {
        "results": {
            "gsm8k": {"alias": "gsm8k", "exact_match,strict-match": 0.55, "exact_match_stderr,strict-match": 0.01},
            "arc": {"alias": "arc", "acc,none": 1.0, "acc_stderr,none": 0.0},
        },
        "n-samples": {"gsm8k": {"effective": 1319}, "arc": {"effective": 400}},
        "versions": {}, "config": {"model": "hf"},
    }  # fmt: skip
    (tmp_path / "results.json").write_text(json.dumps(told))
    found = only(scan([tmp_path / "results.json"]), "too-good")
    assert "arc" in found.message and "400" in found.message and found.where.rows == [1]


def test_every_sample_right_is_told_of_a_score_and_not_of_a_form_that_all_keep(tmp_path):
    rows = [
        {"step": i // 10, "completion": TEXTS[i], "format_reward": 1.0, "reward": 1.0}
        for i in range(120)
    ]
    found = only(scan([write(tmp_path / "r.jsonl", rows)]), "too-good")
    assert found.message == "every one of 120 samples is right by `reward`"


def test_the_logs_of_two_models_are_no_splits_of_one_another(tmp_path):
    items = [
        f"What is left of {at + 100} litres after {at % 37} litres are used?" for at in range(90)
    ]
    for model in ("alpha", "beta"):
        samples = [
            {
                "id": f"s{at}",
                "epoch": 1,
                "input": say,
                "target": str(at + 100 - at % 37),
                "messages": [{"role": "user", "content": say}],
                "output": {
                    "completion": f"It is {at + 100 - at % 37} by {model}.",
                    "stop_reason": "stop",
                },
                "scores": {"match": {"value": "C"}},
            }
            for at, say in enumerate(items)
        ]
        log = {
            "version": 2,
            "status": "success",
            "eval": {"task": "t", "model": model},
            "samples": samples,
        }
        (tmp_path / f"{model}.json").write_text(json.dumps(log))
    rules = ["contamination", "group-leak", "split-overlap", "missing", "constant-column"]
    assert scan([tmp_path], select=rules).findings == []
