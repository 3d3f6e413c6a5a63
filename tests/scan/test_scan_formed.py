"""What is to be of one make: JSON, calls of tools, tokens and masks, lengths. Each beside a clean one of its like."""

import json
import random

import polars as pl
import pytest

from labhand.scan import scan

PLACES = "Lima Oslo Quito Accra Hanoi Dakar Sofia Minsk Tunis Amman Cairo Doha".split()
WORDS = "river stone letter morning winter garden window corner market engine yellow silver".split()


@pytest.fixture
def draw():
    return random.Random(5)


def told(table, rule, tmp_path):
    """The rows that a rule tells of a table, and how grave it is, by claim."""
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in table))
    found = [f for f in scan([path], select=[rule]).findings if f.rule == rule]
    return [(sorted(f.where.rows), f.severity) for f in found]


def extractions(draw):
    """Requests and the objects that answer them; a sixth may have a note."""
    made = []
    for _ in range(120):
        said = {"place": draw.choice(PLACES), "mood": draw.choice(["good", "bad"]), "score": 0.5}
        if draw.random() < 0.16:
            said["note"] = " ".join(draw.sample(WORDS, 2))
        asked = f"Extract: {' '.join(draw.sample(WORDS, 6))} in {said['place']}"
        made.append({"prompt": asked, "completion": said})
    return made


def test_json_that_is_not_as_the_others_are_is_found(draw, tmp_path):
    table = extractions(draw)
    table[3]["completion"].pop("score")
    table[17]["completion"]["mood"] = "Good!"
    table[40]["completion"]["score"] = "high"
    table[41]["completion"]["plase"] = table[41]["completion"].pop("place")
    for row in table:
        row["completion"] = json.dumps(row["completion"])
    clean = [row for at, row in enumerate(table) if at not in (3, 17, 40, 41)]
    assert told(clean, "parse-failure", tmp_path) == []
    table[60]["completion"] = table[60]["completion"][:-6]
    table[61]["completion"] = f"```json\n{table[61]['completion']}\n```"
    table[62]["completion"] = "I could not find any place in this text."
    odd = [3, 17, 40, 41, 60, 61, 62]
    assert told(table, "parse-failure", tmp_path) == [(odd, "warning")]


def test_an_answer_without_the_form_of_the_others_is_found(draw, tmp_path):
    table = [
        {
            "prompt": f"How many {draw.choice(WORDS)}s are {at} and {at + 3}?",
            "answer": f"{at} and {at + 3} make {2 * at + 3}.\n#### {2 * at + 3}",
        }
        for at in range(80)
    ]
    assert told(table, "parse-failure", tmp_path) == []
    for at in (9, 33):
        table[at]["answer"] = table[at]["answer"].partition("\n")[0]
    assert told(table, "parse-failure", tmp_path) == [([9, 33], "warning")]


def calls(draw):
    """Conversations in which the weather of a place is asked for, and found by a tool."""
    made = []
    for at in range(90):
        place = draw.choice(PLACES)
        call = {"name": "weather", "arguments": json.dumps({"city": place, "days": at % 5 + 1})}
        turns = [
            {"role": "user", "content": f"How will {place} be, {' '.join(draw.sample(WORDS, 3))}?"},
            {"role": "assistant", "content": "", "tool_calls": [{"id": f"c{at}", "function": call}]},
            {"role": "tool", "content": f"{at} degrees", "tool_call_id": f"c{at}"},
            {"role": "assistant", "content": f"It will be {at} degrees in {place}."},
        ]  # fmt: skip
        made.append({"messages": turns})
    return made


def test_a_call_that_no_tool_can_take_and_a_result_of_no_call_are_found(draw, tmp_path):
    table = calls(draw)
    assert told(table, "parse-failure", tmp_path) == []
    assert told(table, "role-order", tmp_path) == []

    def call(at):
        return table[at]["messages"][1]["tool_calls"][0]

    call(4)["function"]["arguments"] = '{"city": "Lima", "da'
    call(30)["function"]["name"] = "wether"
    call(31)["function"]["arguments"] = '{"town": "Lima", "days": 2}'
    call(50)["id"] = "c999"
    assert told(table, "parse-failure", tmp_path) == [([4, 30, 31], "warning")]
    assert told(table, "role-order", tmp_path) == [([50], "warning")]


def test_a_call_of_a_tool_that_is_not_offered_is_found(draw, tmp_path):
    table = [row | {"tools": [{"type": "function", "function": {"name": "weather"}}]} for row in calls(draw)]  # fmt: skip
    assert told(table, "parse-failure", tmp_path) == []
    table[8]["messages"][1]["tool_calls"][0]["function"]["name"] = "search"
    assert told(table, "parse-failure", tmp_path) == [([8], "warning")]


def tokens(draw):
    """Rows of tokens filled up to 32, with their masks."""
    made = []
    for at in range(120):
        long = draw.randint(10, 30)
        ids = [1, *(draw.randint(100, 30000) for _ in range(long)), 2]
        rest = 32 - len(ids)
        made.append({"input_ids": ids + [0] * rest, "attention_mask": [1] * len(ids) + [0] * rest, "label": at % 2})  # fmt: skip
    return made


def test_tokens_are_no_vectors_and_their_masks_are_held_against_them(draw, tmp_path):
    table = tokens(draw)
    for rule in ("vector-zero", "vector-nonfinite", "dependency-violation"):
        assert told(table, rule, tmp_path) == []
    table[5]["attention_mask"] = [1] * 32
    table[70]["input_ids"] = table[70]["input_ids"][:20]
    found = told(table, "dependency-violation", tmp_path)
    assert found == [([70], "warning"), ([5], "warning")]


def test_a_number_that_does_not_go_with_its_text_is_found(draw, tmp_path):
    table = []
    for at in range(150):
        said = " ".join(draw.choice(WORDS) for _ in range(draw.randint(4, 30)))
        lasts = round(len(said) / draw.gauss(15, 1.2), 2)
        table.append({"audio": f"{at:04}.wav", "text": said, "words": said.count(" ") + 1, "seconds": lasts})  # fmt: skip
    assert told(table, "dependency-violation", tmp_path) == []
    table[12]["seconds"] *= 6
    table[90]["words"] += 4
    assert sorted(told(table, "dependency-violation", tmp_path)) == [
        ([12], "warning"),
        ([90], "warning"),
    ]


def test_a_translation_that_was_left_out_and_a_page_that_was_refused_are_found(draw, tmp_path):
    german = "der die das und ist nicht mit auf von wird oder noch sehr immer dann".split()
    english = "the of and that was with his from have this they which into their would".split()

    def said(small):
        return " ".join(w for pair in zip(draw.sample(small, 8), draw.sample(WORDS, 8), strict=True) for w in pair)  # fmt: skip

    table = [{"en": said(english), "de": said(german)} for _ in range(100)]
    assert told(table, "language-odd", tmp_path) == []
    table[4]["de"] = table[4]["en"]
    assert [4] in [rows for rows, _ in told(table, "language-odd", tmp_path)]
    pages = [{"url": f"https://a.org/{at}", "text": f"{said(english)}."} for at in range(100)]
    assert told(pages, "boilerplate", tmp_path) == []
    pages[8]["text"] = "404 Not Found\n\nnginx"
    pages[9]["text"] = "Access Denied\nYou don't have permission to access this resource."
    assert told(pages, "boilerplate", tmp_path) == [([8, 9], "warning")]


def test_optional_columns_of_objects_are_no_fault(draw, tmp_path):
    table = [{"meta": json.dumps({"id": at, "tag": draw.choice("abc")} | ({"ref": at} if at % 3 else {}))} for at in range(90)]  # fmt: skip
    assert told(table, "parse-failure", tmp_path) == []


SAID = (
    "The committee|My neighbour|A young engineer|The museum|Our team|An old sailor|The council|The teacher",
    "decided to restore|could not find|has repaired|was looking for|presented|quietly sold|described",
    "the broken bridge|an unusual map|two hundred letters|a garden behind the station|an abandoned lighthouse",
    "before the storm arrived|because nobody else wanted to|after a long discussion|without telling anyone",
)
"""Pieces of sentences, of which one mould makes many that are alike."""


def sentences(draw, number):
    return [
        {
            "text": " ".join(
                f"{' '.join(draw.choice(p.split('|')) for p in SAID)}." for _ in range(3)
            )
        }
        for _ in range(number)
    ]


def test_copies_over_splits_are_told_apart_from_texts_of_one_mould(draw, tmp_path):
    splits = {name: tmp_path / f"{name}.csv" for name in ("train", "test")}
    train, test = sentences(draw, 200), sentences(draw, 80)
    train[60] = dict(train[5])  # one text is twice in train

    def found():
        for path, table in zip(splits.values(), (train, test), strict=True):
            pl.DataFrame(table).write_csv(path)
        rules = ["split-overlap", "contamination"]
        every = scan([], splits=splits, select=rules).findings
        return [(f.rule, sorted(f.where.rows)) for f in every if f.severity != "note"]

    assert found() == []
    test[7] = {"text": train[33]["text"].upper()}
    test[50] = {"text": train[101]["text"] + " "}
    assert sorted(found()) == [("contamination", [33, 101]), ("split-overlap", [7, 50])]


def talks(draw, number=120):
    """Conversations of four turns."""

    def said():
        return " ".join(draw.choice(p.split("|")) for p in SAID) + "."

    made = []
    for at in range(number):
        turns = [f"Why is that, {at}? {said()}", f"{said()} {said()}", f"And then? {said()}", f"{said()} {at}"]  # fmt: skip
        made.append({"messages": [{"role": ("user", "assistant")[i % 2], "content": t} for i, t in enumerate(turns)]})  # fmt: skip
    return made


@pytest.mark.parametrize(
    ("rule", "spoil"),
    [
        ("repetition", lambda m: m[3].update(content=m[1]["content"])),
        ("overlong", lambda m: m.extend([dict(t) for t in m * 3])),
        ("template-leak", lambda m: m[1].update(content="Hi [NAME], " + m[1]["content"])),
        ("template-leak", lambda m: m[3].update(content="<think>So.</think>" + m[3]["content"])),
    ],
)
def test_a_conversation_that_is_not_as_the_others_are_is_found(rule, spoil, draw, tmp_path):
    table = talks(draw)
    assert told(table, rule, tmp_path) == []
    for at in (7, 60, 61):
        spoil(table[at]["messages"])
    assert told(table, rule, tmp_path) == [([7, 60, 61], "warning")]


def test_an_answer_that_was_misread_from_its_output_is_found(draw, tmp_path):
    table = [
        {"id": f"q{at}", "prompt": f"Which {at}?", "output": f"Since {at} is so, the answer is {(right := draw.choice('ABCD'))}.", "parsed": right, "target": draw.choice("ABCD")}
        for at in range(100)
    ]  # fmt: skip
    assert told(table, "parse-failure", tmp_path) == []
    for at in (5, 40):
        table[at]["parsed"] = "A" if table[at]["parsed"] != "A" else "B"
    assert told(table, "parse-failure", tmp_path) == [([5, 40], "warning")]
