"""What data of texts and pictures hides: made sets with known rows, each beside a clean one of the same look."""

import json
import random

import polars as pl
import pytest

from labhand.scan import scan

PLACES = (
    "Lima Oslo Quito Accra Hanoi Dakar Sofia Minsk Tunis Amman Cairo Doha Kabul Lagos Paris Delhi Tokyo "
    "Seoul Praia Rabat Vaduz Berne Dhaka Maputo Riga Malta Turin Porto Ghent Leeds"
).split()
THINGS = (
    "river market bridge tower museum harbour library garden castle square temple theatre station palace "
    "prison college stadium bakery hospital lighthouse windmill orchard quarry fountain"
).split()
NAMES = ["Ada Byron", "Alan Reed", "Grace Hill", "Emmy Noll", "Karl Voss", "Marie Kern"]


@pytest.fixture
def draw():
    return random.Random(11)


def told(lines, rule, tmp_path):
    """The rows that a rule tells of some lines and how grave it is, by kind of claim."""
    path = tmp_path / "data.jsonl"
    pl.DataFrame(lines, strict=False).write_ndjson(path)
    found = [f for f in scan([path], select=[rule]).findings if f.rule == rule]
    return [(sorted(f.where.rows), f.severity) for f in found]


def chats(draw, number=240):
    """Questions of customers, each with an answer of its own."""
    made = []
    for at in range(number):
        thing, place = draw.choice(THINGS), draw.choice(PLACES)
        asked = f"How do I reach the {thing} of {place} by {draw.randint(1, 12)} o'clock with {draw.randint(2, 9)} children?"
        said = f"Take tram {at} from {place}, walk {draw.randint(2, 30)} minutes to the {thing} and ring at door {at * 7}."
        made.append([{"role": "user", "content": asked}, {"role": "assistant", "content": said}])
    return made


def test_a_canned_answer_is_found_below_the_questions_that_it_does_not_answer(draw, tmp_path):
    each = chats(draw)
    assert told({"messages": each}, "same-answer", tmp_path) == []
    rows = sorted(draw.sample(range(len(each)), 14))
    for row in rows:
        each[row][1] = {
            "role": "assistant",
            "content": "Thank you for your message, an agent will be with you in two days.",
        }
    assert told({"messages": each}, "same-answer", tmp_path) == [(rows, "warning")]


def test_one_question_asked_in_many_ways_may_have_one_answer(draw, tmp_path):
    each = chats(draw)
    for at in range(20):
        each[at * 3][0]["content"] = (
            f"Please reset the password of my account number {at}, thank you so much"
        )
        each[at * 3][1]["content"] = (
            "Open the page of your account, press on forgotten and wait for our letter."
        )
    assert told({"messages": each}, "same-answer", tmp_path) == []


def test_answers_of_a_block_that_belong_to_the_next_question_are_found(draw, tmp_path):
    asked = [c[0]["content"] for c in chats(draw)]
    said = [q.replace("How do I reach", "You come to").replace("?", " on foot.") for q in asked]
    whole = {"prompt": asked, "completion": said}
    assert told(whole, "shifted-answers", tmp_path) == []
    moved = said[:100] + said[101:140] + [said[100]] + said[140:]
    assert told({**whole, "completion": moved}, "shifted-answers", tmp_path) == [
        (list(range(100, 140)), "error")
    ]


def test_contexts_that_were_shuffled_against_their_questions_are_found(draw, tmp_path):
    asked = [c[0]["content"] for c in chats(draw, 60)]
    context = [f"{q[:-1]}: guide number {i} says so." for i, q in enumerate(asked)]
    lines = {"question": asked, "context": context, "answer": [f"number {i}" for i in range(60)]}
    assert told(lines, "shifted-answers", tmp_path) == []
    context[4], context[30], context[51] = context[51], context[4], context[30]
    assert told(lines, "shifted-answers", tmp_path) == [([4, 30, 51], "warning")]


def lettered(draw, number=120):
    """Questions with lettered choices, what a model said, and whether it was right."""
    made = []
    for at in range(number):
        a, b, right = draw.randint(10, 60), draw.randint(61, 99), draw.randrange(4)
        offers = [a + b + (k - right) * 3 for k in range(4)]
        choices = "\n".join(f"{'ABCD'[k]}. {o}" for k, o in enumerate(offers))
        said = draw.choice("ABCD")
        made.append(
            {
                "id": f"q{at}",
                "prompt": f"What is {a} and {b}?\n{choices}\nAnswer:",
                "output": f"{said}) {offers['ABCD'.index(said)]}",
                "answer": "ABCD"[right],
                "correct": said == "ABCD"[right],
            }
        )
    return made


def test_a_prompt_that_ends_in_the_right_letter_gives_it_away(draw, tmp_path):
    each = lettered(draw)
    assert told(each, "label-copy", tmp_path) == []
    for row in (7, 31):
        each[row]["prompt"] += f" {each[row]['answer']}"
    assert told(each, "label-copy", tmp_path) == [([7, 31], "warning")]


def test_outputs_that_say_the_right_letter_and_are_graded_wrong_are_found(draw, tmp_path):
    each = lettered(draw)
    assert told(each, "grader-disagreement", tmp_path) == []
    right = [i for i, e in enumerate(each) if e["correct"]][:6]
    for row in right:
        each[row]["correct"] = False
    assert told(each, "grader-disagreement", tmp_path) == [(right, "warning")]


def preferred(draw, number=300):
    good = "Start with {n} grams of {x} and stir slowly.|First wash the {x}, then wait {n} minutes.|For {n} guests buy fresh {x} early."
    bad = "dunno lol, {x}?|no idea, i never counted more than {n} of those, maybe ask your mother instead|whatever, {n} or not"
    made = []
    for at in range(number):
        fill = {"x": draw.choice(THINGS), "n": draw.randint(2, 90)}
        sides = [draw.choice(t.split("|")).format(**fill) for t in (good, bad)]
        asked = f"What about the {fill['x']} of {draw.choice(PLACES)}, number {at}?"
        made.append(
            {"source": "abcdef"[at % 6], "prompt": asked, "chosen": sides[0], "rejected": sides[1]}
        )
    return made


def test_a_source_whose_pairs_are_the_other_way_round_is_found(draw, tmp_path):
    each = preferred(draw)
    assert told(each, "preference-swapped", tmp_path) == []
    rows = [i for i, e in enumerate(each) if e["source"] == "c"]
    for row in rows:
        each[row]["chosen"], each[row]["rejected"] = each[row]["rejected"], each[row]["chosen"]
    ((found, severity),) = told(each, "preference-swapped", tmp_path)
    assert severity == "error" and set(found) <= set(rows) and len(found) > 0.9 * len(rows)


def test_preferences_that_nothing_tells_are_left_alone(draw, tmp_path):
    each = preferred(draw)
    for row, e in enumerate(each):
        if row % 2:
            e["chosen"], e["rejected"] = e["rejected"], e["chosen"]
    assert told(each, "preference-swapped", tmp_path) == []


def entities(draw, number=120):
    made = []
    for _ in range(number):
        name, place = draw.choice(NAMES), draw.choice(PLACES[:6])
        text = f"On {draw.choice(['Monday', 'Friday'])} {name} moved to {place} for good."
        made.append({
            "text": text,
            "entities": [
                {"start": text.index(w), "end": text.index(w) + len(w), "label": label, "text": w}
                for w, label in ((name, "PERSON"), (place, "CITY"))
            ],
        })  # fmt: skip
    return made


def test_entities_that_are_called_otherwise_than_the_same_words_are_found(draw, tmp_path):
    each = entities(draw)
    assert told(each, "conflicting-labels", tmp_path) == []
    for row in (3, 77):
        each[row]["entities"][1]["label"] = "PERSON"
    assert told(each, "conflicting-labels", tmp_path) == [([3, 77], "warning")]


def test_spans_that_are_off_are_found_with_how_far(draw, tmp_path):
    each = entities(draw)
    assert told(each, "span-mismatch", tmp_path) == []
    for row in range(40, 50):
        for one in each[row]["entities"]:
            one["start"], one["end"] = one["start"] - 1, one["end"] - 1
    assert told(each, "span-mismatch", tmp_path) == [(list(range(40, 50)), "warning")]


def test_wrong_sums_of_a_model_that_are_graded_wrong_are_no_fault_of_the_data(draw, tmp_path):
    each = []
    for at in range(80):
        a, b = draw.randint(10, 90), draw.randint(10, 90)
        slip = at % 5 == 0
        said = f"We add: {a} + {b} = {a + b + slip}, so that is it."
        each.append(
            {
                "item": f"q{at}",
                "prompt": f"Add {a} to {b}",
                "output": said,
                "exact_match": int(not slip),
            }
        )
    assert told(each, "wrong-arithmetic", tmp_path) == []
    each[10]["exact_match"] = 1
    assert told(each, "wrong-arithmetic", tmp_path) == [([10], "warning")]


def moulds(draw, number=400):
    first = "The {t} team of {p} was kind.|I learned much about the {t} in {p}.|Nothing was said about the {t} of {p}."
    last = "I moved on for a better {t}.|Please mend the {t}, it matters.|Pay did not keep up with {p}."
    return [
        " ".join(draw.choice(m.split("|")).format(t=draw.choice(THINGS), p=draw.choice(PLACES)) for m in (first, last))
        for _ in range(number)
    ]  # fmt: skip


def test_copies_are_told_apart_from_texts_of_one_mould(draw, tmp_path):
    each = moulds(draw)
    assert not [s for _, s in told({"comment": each}, "near-duplicate", tmp_path) if s != "note"]
    paid = "This kettle changed my mornings, it boils within two minutes and my whole family fights over it every single day".split()
    rows = sorted(draw.sample(range(len(each)), 12))
    for row in rows:
        words = list(paid)
        words[draw.randrange(len(words))] = draw.choice(["really", "truly", "wow"])
        each[row] = " ".join(words)
    warned = [r for r, s in told({"comment": each}, "near-duplicate", tmp_path) if s == "warning"]
    assert len(warned) == 1 and set(warned[0]) <= set(rows) and len(warned[0]) >= 9


def test_slots_of_any_name_are_places_that_were_never_filled(draw, tmp_path):
    asked = [c[0]["content"] for c in chats(draw)]
    lines = {"instruction": asked, "output": [f"It is number {i}." for i in range(len(asked))]}
    assert told(lines, "template-leak", tmp_path) == []
    asked[5], asked[50] = asked[5].replace("reach", "{topic}"), "{passage}"
    lines["output"][9] = "Dear None, it is number 9."
    assert told(lines, "template-leak", tmp_path) == [([5, 9, 50], "warning")]


def test_refusals_in_other_words_are_told_of_their_own_rows(draw, tmp_path):
    asked = [c[0]["content"] for c in chats(draw)]
    said = [f"{q[:-1]}: take tram {i}." for i, q in enumerate(asked)]
    for row, text in (
        (4, "I apologize, but I cannot complete this request."),
        (90, "Regrettably, I am unable to carry out this task."),
    ):
        said[row] = text
    for row in range(100, 112):
        said[row] += "\nThanks for reading and do not forget to share this."
    found = told({"instruction": asked, "output": said}, "boilerplate", tmp_path)
    assert sorted(found) == [([4, 90], "warning"), (list(range(100, 112)), "warning")]


def test_pictures_in_the_folder_of_another_class_are_found(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    import numpy as np

    generator = np.random.default_rng(0)
    colours = {"maple": (190, 60, 40), "oak": (60, 140, 50), "ginkgo": (220, 190, 50)}
    wrong = {("oak", at) for at in range(3, 23, 5)} | {("maple", at) for at in range(2, 50, 6)}
    for name, colour in colours.items():
        (tmp_path / "leaves" / name).mkdir(parents=True)
        for at in range(60):
            shown = colours["ginkgo"] if (name, at) in wrong else colour
            pixels = generator.normal(120, 30, (40, 40, 3))
            high, left = generator.integers(0, 16, 2)
            pixels[high : high + 24, left : left + 20] = np.array(shown) + generator.normal(
                0, 18, (24, 20, 3)
            )
            image = Image.fromarray(np.clip(pixels, 0, 255).astype("uint8"))
            image.save(tmp_path / "leaves" / name / f"{at:03}.png")
    (found,) = (f for f in scan([tmp_path / "leaves"], select=["wrong-label"]).findings)
    rows = {at + 60 * (1 + (name == "oak")) for name, at in wrong}
    assert found.severity == "warning" and rows <= set(found.where.rows)
    assert len(found.where.rows) <= len(rows) + 4


def test_errors_of_a_service_in_place_of_answers_are_found(draw, tmp_path):
    each = chats(draw)
    assert told({"messages": each}, "boilerplate", tmp_path) == []
    errors = [
        "Error: 429 Too Many Requests",
        "APIConnectionError: Connection error.",
        "500 Internal Server Error",
    ]
    for row, text in zip((8, 90, 200), errors, strict=True):
        each[row][1] = {"role": "assistant", "content": text}
    assert told({"messages": each}, "boilerplate", tmp_path) == [([8, 90, 200], "warning")]


def test_thoughts_that_never_end_and_escaped_line_breaks_are_found(draw, tmp_path):
    each = chats(draw)
    each[4][1]["content"] = "<think>The tram is best.</think>" + each[4][1]["content"]
    assert told({"messages": each}, "template-leak", tmp_path) == []
    each[9][1]["content"] = "<think>The tram is best. " + each[9][1]["content"]
    each[70][1]["content"] = "Take the tram.\\nWalk on.\\n\\nRing at the door."
    assert told({"messages": each}, "template-leak", tmp_path) == [([9, 70], "warning")]


def test_conversations_whose_speakers_were_exchanged_are_found(draw, tmp_path):
    each = chats(draw)
    assert told({"messages": each}, "role-order", tmp_path) == []
    rows = [20, 21, 22, 100]
    for row in rows:
        asked, said = each[row]
        asked["content"], said["content"] = said["content"], asked["content"]
    assert told({"messages": each}, "role-order", tmp_path) == [(rows, "warning")]


def test_an_answer_that_is_none_of_the_choices_is_found(draw, tmp_path):
    each = lettered(draw)
    assert told(each, "missing-answer", tmp_path) == []
    each[3]["answer"] = "F"
    assert told(each, "missing-answer", tmp_path) == [([3], "warning")]


def test_answers_that_do_not_stand_in_their_context_are_found(draw, tmp_path):
    each = [
        {"question": c[0]["content"], "context": f"{c[1]['content']} It opens at {i} past nine.", "answer": f"at {i} past nine"}
        for i, c in enumerate(chats(draw))
    ]  # fmt: skip
    assert told(each, "missing-answer", tmp_path) == []
    each[14]["answer"] = "at 900 past nine"
    assert told(each, "missing-answer", tmp_path) == [([14], "warning")]


def test_words_that_are_marked_everywhere_but_in_one_place_are_found(draw, tmp_path):
    each = entities(draw, 200)
    assert told(each, "span-mismatch", tmp_path) == []
    each[12]["entities"] = each[12]["entities"][:1]
    assert told(each, "span-mismatch", tmp_path) == [([12], "warning")]


def test_problems_of_the_same_moulds_are_no_leak_but_for_those_that_are_there(tmp_path):
    draw = random.Random(3)
    names = "Ann Ben Cleo David Emma Finn Gus Hana Ivan Joy Kim Leo".split()
    things = "tickets apples pencils stamps books coins cards shells".split()
    moulds = [
        "{n} has {a} {t} and buys {b} packs with {c} {t} in each. How many {t} does {n} have now?",
        "There are {a} {t} in a box. {n} takes out {b} and then puts back {c}. How many {t} are left?",
        "{n} gives {b} of {a} {t} to a friend, then finds {c} more. How many {t} are there in the end?",
    ]

    def problem():
        a, b, c = draw.randint(20, 60), draw.randint(2, 12), draw.randint(2, 12)
        mould = draw.choice(moulds)
        return mould.format(n=draw.choice(names), t=draw.choice(things), a=a, b=b, c=c)

    train, asked = [problem() for _ in range(500)], [problem() for _ in range(90)]
    for at in (7, 40, 66):
        train[at * 5] = asked[at]
    for name, lines in (("train", train), ("eval", asked)):
        rows = (json.dumps({"question": line}) for line in lines)
        (tmp_path / f"{name}.jsonl").write_text("\n".join(rows) + "\n")
    found = scan([tmp_path], select=["contamination", "split-overlap"]).findings
    told = {f.rule: set(f.where.rows) for f in found if f.severity == "error"}
    assert set(told) == {"contamination", "split-overlap"}
    assert {35, 200, 330} <= told["contamination"] and len(told["contamination"]) <= 8
    assert sum(len(f.where.rows) for f in found if f.rule == "split-overlap") <= 12
