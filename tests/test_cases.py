"""Every literate case is run, and every extension is documented and has a case."""

import importlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhand.core import registry
from labhand.core.errors import InputError
from labhand.kit import cases

FOLDER = Path(__file__).parent.parent / "cases"
FILES = sorted(FOLDER.glob("*/*.md"))
EXTENSIONS = [e for kind in registry.KINDS for e in registry.extensions(kind)]
HAVE_CASES = ("rule", "detector", "failure", "fixer", "scan-detector")
WITH_CASES = [e for e in EXTENSIONS if e.kind.name in HAVE_CASES]
BLOCKS = [
    pytest.param(path.parent.name, case, id=f"{path.parent.name}/{path.stem}:{case.line}")
    for path in FILES
    for case in cases.parse(path.read_text(encoding="utf-8"))
]


def environment(verb: str):  # type: ignore[no-untyped-def]
    return pytest.importorskip(f"labhand.{verb}.env", reason="this room has no environment yet")


@pytest.mark.parametrize(("verb", "case"), BLOCKS)
def test_a_case_brings_its_findings_and_no_other(verb: str, case: cases.Case) -> None:
    env = environment(verb)
    if case.text.startswith(("P2\n", "P3\n")):
        pytest.importorskip("PIL", reason="images are opened by Pillow")
    found = env.findings_in(case.text, case.beside) if case.beside else env.run_case(case.text)
    assert sorted(map(tuple, found)) == sorted(case.expected)


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_case_file_names_an_extension(path: Path) -> None:
    assert path.stem in {e.name for e in EXTENSIONS if e.kind.verb == path.parent.name}


@pytest.mark.parametrize("extension", EXTENSIONS, ids=lambda e: e.name)
def test_an_extension_is_documented(extension: registry.Extension) -> None:
    documentation = cases.documentation(extension)
    assert cases.summary(documentation).endswith(".")
    assert cases.missing_sections(extension.kind.name, documentation) == []


@pytest.mark.parametrize("extension", WITH_CASES, ids=lambda e: e.name)
def test_an_extension_has_a_case(extension: registry.Extension) -> None:
    assert (FOLDER / extension.kind.verb / f"{extension.name}.md").is_file()


def test_marks_sections_and_fixed_blocks_are_understood() -> None:
    text = (
        "# Title\nwords\n```python\nx = 1  # finding: a-rule, b-rule\ny = 2\n```\n"
        "```python fixed\nx = 2\n```\n## Other\n```python side.py\nz = 1\n```\n~~~\nplain\n~~~\n"
    )
    first, second = cases.parse(text)
    assert first.title == "Title" and first.prose == "words" and first.language == "python"
    assert first.text == "x = 1\ny = 2\n"
    assert first.expected == [("a-rule", 1), ("b-rule", 1)]
    assert first.fixed == "x = 2\n" and first.line == 3
    assert second.title == "Other" and second.beside == {"side.py": "z = 1\n"}


def test_a_block_that_is_never_closed_is_told() -> None:
    with pytest.raises(InputError, match="begins at line 2 is never closed"):
        cases.parse("words\n```python\nx = 1\n")


@given(st.lists(st.text("abc =#:`\n", max_size=20), max_size=8))
def test_any_text_without_marks_comes_through_a_block_unchanged(lines: list[str]) -> None:
    body = "".join(f"{line}\n" for line in "".join(lines).split("\n"))
    (case,) = cases.parse(f"`````python\n{body}`````\n") if "`````" not in body else [None]
    assert case is None or (case.text == body and case.expected == [])


def test_environments_are_importable() -> None:
    assert importlib.import_module("labhand.check.env").NAME == "check"
