"""Faults put into clean outputs of runs and transcripts of agents, each at known rows."""

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from labhand.scan.corruption import Problem, task
from labhand.scan.text_corruption import prose

if TYPE_CHECKING:
    import numpy as np

    Generator = np.random.Generator

Row = dict[str, Any]
Spoilt = tuple[list[Row], list[int]]
NAMES = (
    "Mara Jonas Aiko Pedro Lena Tomas Ruth Karim Elsa Bruno Nadia Piet Olga Samir Vera Hugo".split()
)
THINGS = (
    "apples tickets stamps shells marbles bricks pencils candles tiles cups ropes bulbs".split()
)
PLACES = "Dalby Orsha Lund Brixen Varna Tromso Evora Kassel Girona Pecs Tartu Nantes".split()
SAYS = (
    "{n} starts with {a} {t} and gets {b} more, which makes {a} + {b} = {s}. {n} gives {c} away and keeps {r}.",
    "First count what {n} has in all: {s} {t}. After {c} are gone, {r} {t} remain with {n}.",
    "Take {s} {t} (that is {a} and {b} together); of these {c} leave {n} for {p}, so {r} stay.",
    "We add {b} to the {a} {t} of {n} and subtract the {c} that go to {p}. The rest is {r}.",
)
"""How the runs put the same calculation into words."""


def clean_outputs(seed: int = 0) -> Iterator[tuple[str, list[Row]]]:
    """Clean outputs of four forms: answers of runs, rollouts over steps, judged answers, transcripts."""
    import numpy as np

    for form, make in FORMS.items():
        yield form, make(np.random.default_rng(seed))


def answers(generator: "Generator", items: int = 30, runs: int = 4) -> list[Row]:
    """An evaluation: each item tried by each run, with its target, what was parsed, and whether it is right."""
    rows: list[Row] = []
    asked = [_question(generator) for _ in range(items)]
    skill = [0.9, 0.75, 0.6, 0.8, 0.7, 0.5][:runs]
    for run in range(runs):
        for item, (prompt, told) in enumerate(asked):
            is_right = bool(generator.random() < skill[run])
            result = told["r"] if is_right else told["r"] + int(generator.integers(1, 30))
            said = SAYS[(run + item) % len(SAYS)].format(**{**told, "r": result})
            rows.append(
                {
                    "model": f"model-{'abcdef'[run]}",
                    "item": f"q{item:03}",
                    "prompt": prompt,
                    "completion": f"{said}\n#### {result}",
                    "prediction": str(result),
                    "target": str(told["r"]),
                    "correct": int(is_right),
                }
            )
    return rows


def _question(generator: "Generator") -> tuple[str, dict[str, Any]]:
    a, b = (int(x) for x in generator.integers(20, 400, size=2))
    c = int(generator.integers(5, a))
    told = {"n": str(generator.choice(NAMES)), "t": str(generator.choice(THINGS)), "p": str(generator.choice(PLACES)),
            "a": a, "b": b, "c": c, "s": a + b, "r": a + b - c}  # fmt: skip
    form = (
        "{n} has {a} {t}, buys {b} in {p} and gives {c} to a friend. How many {t} does {n} have now?",
        "In {p} {n} collects {a} {t} in May and {b} in June, then loses {c} of them. How many are left?",
        "A shop in {p} holds {a} {t}; {n} brings {b} more and sells {c}. How many {t} does the shop hold?",
    )
    return str(generator.choice(form)).format(**told), told


def rollouts(generator: "Generator", steps: int = 12, each: int = 12) -> list[Row]:
    """Samples of a policy while it is trained: a text and a reward, at every tenth step."""
    some = [text for _, text in prose()]
    places = iter(generator.permutation(len(some)).tolist() * 2)
    return [
        {"step": 10 * step, "completion": some[next(places)],
         "reward": round(float(generator.normal(0.2 + 0.03 * step, 0.2)), 4)}
        for step in range(steps)
        for _ in range(each)
    ]  # fmt: skip


def judged(generator: "Generator", items: int = 60) -> list[Row]:
    """Texts of one run, judged by two graders from 1 to 5 that mostly agree."""
    rows = []
    for item, (name, text) in enumerate(prose()[:items]):
        mark = int(generator.integers(1, 6))
        other = int(min(5, max(1, mark + int(generator.choice([-1, 0, 0, 0, 1])))))
        row = {
            "item": f"t{item:03}",
            "prompt": f"Explain `{name}` in a few words.",
            "response": text,
        }
        rows.append({**row, "judge_a": mark, "judge_b": other})
    return rows


def transcripts(generator: "Generator", number: int = 12) -> list[Row]:
    """Agents that mend a function: they look, run the tests, edit, run them again and say what they did."""
    return [{"id": f"task-{i:02}", "messages": _session(generator, i)} for i in range(number)]


def _session(generator: "Generator", number: int) -> list[Row]:
    word = THINGS[number % len(THINGS)]
    path, place = f"src/{word}.py", PLACES[(5 * number + number // 12) % len(PLACES)].lower()
    a, b = (int(x) for x in generator.integers(2, 90, size=2))
    return [
        {"role": "user", "content": f"`count_{word}` in {path} gives {a} for {place}, expected {b}. Mend it."},
        *call("bash", {"command": f"sed -n 1,40p {path}"}, f"def count_{word}(rows):\n    return len(rows) - {a}\n"),
        *call("bash", {"command": f"python -m pytest tests/test_{word}.py -q"}, f"1 failed, {b} passed in 0.{a}s"),
        *call("edit", {"path": path, "old_str": f"len(rows) - {a}", "new_str": "len(rows)"}, "edited"),
        *call("bash", {"command": f"python -m pytest tests/test_{word}.py -q"}, f"{b + 1} passed in 0.{b}s"),
        {"role": "assistant", "content": f"`count_{word}` subtracted {a} rows for {place}; it counts them all now."},
    ]  # fmt: skip


def call(name: str, arguments: dict[str, Any], result: str) -> list[Row]:
    """A call of a tool and its result, as OpenAI writes them."""
    key = f"call_{abs(hash((name, json.dumps(arguments), result))) % 10**6}"
    function = {"name": name, "arguments": json.dumps(arguments)}
    return [
        {"role": "assistant", "content": None, "tool_calls": [{"id": key, "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": key, "content": result},
    ]  # fmt: skip


FORMS: dict[str, Callable[["Generator"], list[Row]]] = {
    "answers": answers,
    "rollouts": rollouts,
    "judged": judged,
    "transcripts": transcripts,
}


def longer(rows: list[Row], generator: "Generator") -> Spoilt:
    """From one step on outputs run on, or hardly begin."""
    steps = sorted({row["step"] for row in rows})
    first = int(generator.choice(steps[4:-2]))
    at = [i for i, row in enumerate(rows) if row["step"] >= first]
    cut = bool(generator.random() < 0.5)
    made = list(rows)
    for i in at:
        text = rows[i]["completion"]
        more = " ".join(rows[int(j)]["completion"] for j in generator.integers(len(rows), size=3))
        made[i] = {
            **rows[i],
            "completion": " ".join(text.split()[:6]) + "." if cut else f"{text} {more}",
        }
    return made, at


def one_story(rows: list[Row], generator: "Generator") -> Spoilt:
    """From one step on most outputs are one text with a few words changed."""
    steps = sorted({row["step"] for row in rows})
    first = int(generator.choice(steps[4:-2]))
    text = str(rows[int(generator.integers(len(rows)))]["completion"])
    made, at = list(rows), []
    for i, row in enumerate(rows):
        if row["step"] >= first and generator.random() < 0.9:
            words = text.split()
            words[int(generator.integers(len(words)))] = str(generator.choice(THINGS))
            made[i] = {**row, "completion": " ".join(words)}
            at.append(i)
    return made, at


def _of_run(rows: list[Row], generator: "Generator") -> tuple[str, list[int]]:
    run = str(generator.choice(sorted({row["model"] for row in rows})))
    return run, [i for i, row in enumerate(rows) if row["model"] == run]


def one_answer(rows: list[Row], generator: "Generator") -> Spoilt:
    """One run gives one and the same answer."""
    _, at = _of_run(rows, generator)
    word, made = str(int(generator.integers(10, 99))), list(rows)
    for i in at:
        right = int(rows[i]["target"] == word)
        said = rows[i]["completion"].split("\n")[0]
        made[i] = {
            **rows[i],
            "prediction": word,
            "completion": f"{said}\n#### {word}",
            "correct": right,
        }
    return made, at


def unread(rows: list[Row], generator: "Generator") -> Spoilt:
    """What was parsed of some outputs is nothing."""
    at = sorted(int(i) for i in generator.choice(len(rows), max(4, len(rows) // 20), replace=False))
    word = str(generator.choice(["[invalid]", "", "None", "parse error"]))
    made = [{**r, "prediction": word, "correct": 0} if i in at else r for i, r in enumerate(rows)]
    return made, at


def all_right(rows: list[Row], generator: "Generator") -> Spoilt:
    """One run is right every time, as its grader has it; the others are less good than they were."""
    _, at = _of_run(rows, generator)
    made = [{**r, "correct": 1} if i in at else r for i, r in enumerate(rows)]
    for i, row in enumerate(made):
        if i not in at and generator.random() < 0.3:
            wrong = str(int(row["target"]) + 7)
            said = row["completion"].split("\n")[0].replace(row["target"], wrong)
            made[i] = {
                **row,
                "correct": 0,
                "prediction": wrong,
                "completion": f"{said}\n#### {wrong}",
            }
    return made, at


def copied(rows: list[Row], generator: "Generator") -> Spoilt:
    """One run has the outputs of another."""
    runs = sorted({row["model"] for row in rows})
    one, other = (str(r) for r in generator.choice(runs, 2, replace=False))
    kept = {r["item"]: r for r in rows if r["model"] == one}
    made = [{**kept[r["item"]], "model": other} if r["model"] == other else r for r in rows]
    return made, [i for i, r in enumerate(rows) if r["model"] in (one, other)]


def wrong_target(rows: list[Row], generator: "Generator") -> Spoilt:
    """The targets of two items are wrong, and the runs agree on what is right."""
    items = [str(i) for i in generator.choice(sorted({r["item"] for r in rows}), 2, replace=False)]
    made, at = list(rows), []
    for i, row in enumerate(rows):
        if row["item"] in items:
            target = str(int(row["target"]) + 10)
            said = row["completion"].split("\n")[0].replace(row["prediction"], row["target"])
            made[i] = {**row, "target": target, "prediction": row["target"], "correct": 0,
                       "completion": f"{said}\n#### {row['target']}"}  # fmt: skip
            at.append(i)
    return made, at


def disagreeing(rows: list[Row], generator: "Generator") -> Spoilt:
    """One of two graders gives some texts the opposite mark."""
    far = [i for i, r in enumerate(rows) if r["judge_a"] in (1, 5)]
    at = sorted(int(i) for i in generator.choice(far, 4, replace=False))
    return [{**r, "judge_b": 6 - r["judge_a"]} if i in at else r for i, r in enumerate(rows)], at


def looping(rows: list[Row], generator: "Generator") -> Spoilt:
    """Some agents make one call again and again, or get nothing but errors."""
    at = sorted(int(i) for i in generator.choice(len(rows), 3, replace=False))
    made = list(rows)
    for i in at:
        messages = rows[i]["messages"]
        if generator.random() < 0.5:
            middle = messages[1:3] * int(generator.integers(4, 9))
        else:
            middle = [m for n in range(int(generator.integers(4, 9)))
                      for m in call("bash", {"command": f"make check{n}"}, "error: command timed out after 60 s")]  # fmt: skip
        made[i] = {**rows[i], "messages": [messages[0], *middle, *messages[3:]]}
    return made, at


def tampering(rows: list[Row], generator: "Generator") -> Spoilt:
    """Some agents change the tests instead of the code, or read what is right."""
    at = sorted(int(i) for i in generator.choice(len(rows), 3, replace=False))
    made = list(rows)
    for i in at:
        messages = rows[i]["messages"]
        test = json.loads(messages[3]["tool_calls"][0]["function"]["arguments"])["command"].split()[
            3
        ]
        ways = (
            call("edit", {"path": test, "old_str": "    assert count(rows) == 4", "new_str": "    assert True"}, "edited"),
            call("bash", {"command": f"rm {test} && echo done"}, "done"),
            call("bash", {"command": "cat /grader/expected_output.json"}, '{"answer": 4}'),
            call("edit", {"path": "src/a.py", "old_str": "pass", "new_str": "import sys\nif 'pytest' in sys.modules:\n    return 4"}, "edited"),
        )  # fmt: skip
        made[i] = {**rows[i], "messages": [*messages[:5], *ways[int(generator.integers(len(ways)))], *messages[7:]]}  # fmt: skip
    return made, at


OPERATORS: dict[str, tuple[str, Callable[[list[Row], "Generator"], Spoilt]]] = {
    "length-jump": ("rollouts", longer),
    "mode-collapse": ("rollouts", one_story),
    "same-answer": ("answers", one_answer),
    "parse-failure": ("answers", unread),
    "too-good": ("answers", all_right),
    "identical-runs": ("answers", copied),
    "all-fail-item": ("answers", wrong_target),
    "grader-disagreement": ("judged", disagreeing),
    "tool-loop": ("transcripts", looping),
    "test-tampering": ("transcripts", tampering),
}
"""What puts in the fault that a rule is for, and into which form of data."""


def output_problems(seed: int = 0) -> Iterator[Problem]:
    """Each form of outputs clean, and with each fault; the same for the same seed on one Python."""
    import numpy as np

    from labhand.scan.readers.json import framed

    for form, clean in clean_outputs(seed):
        yield Problem(task(f"{form}:clean:{seed}", "", []), framed(clean))
        for rule, (wanted, spoil) in OPERATORS.items():
            if wanted == form:
                made, rows = spoil(clean, np.random.default_rng(seed))
                yield Problem(task(f"{form}:{rule}:{seed}", rule, rows), framed(made))
