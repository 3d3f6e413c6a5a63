"""What every rule must do, as tests: subclass `RuleContract` and give it a fixture `files`.

```python
class TestMyRule(RuleContract):
    @pytest.fixture
    def files(self):
        return Path("rules/my_rule.py"), Path("cases/my-rule.md")
```
"""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from labhand.check.claim import Level, RuleLike
from labhand.check.engine import claims
from labhand.check.env import in_memory
from labhand.check.patches import applied
from labhand.core import registry
from labhand.core.finding import SEVERITIES, Finding
from labhand.core.registry import KINDS, Extension
from labhand.kit import cases

BAD, GOOD = 6, 10
"""Blocks with and without findings that a case file has at least."""


class RuleContract:
    """The tests. `files` is the path of the rule and that of its case file."""

    def test_documentation_has_every_section(self, files: tuple[Path, Path]) -> None:
        """`labhand rule NAME` has something to print under each title."""
        documentation = cases.documentation(_extension(files))
        assert cases.summary(documentation).endswith("."), "the first line is no sentence"
        assert cases.missing_sections("rule", documentation) == []

    def test_says_how_grave_and_how_sure(self, files: tuple[Path, Path]) -> None:
        """Severity and level are words that labhand knows."""
        rule = _rule(files)
        assert rule.severity in SEVERITIES
        assert rule.level in get_args(Level)

    def test_cases_are_many_enough(self, files: tuple[Path, Path]) -> None:
        """There are faults of several shapes, and the good code that looks like them."""
        every = _cases(files)
        bad = sum(bool(case.expected) for case in every)
        assert bad >= BAD, f"{bad} blocks with findings are too few"
        assert len(every) - bad >= GOOD, f"{len(every) - bad} blocks without are too few"

    def test_cases_hold(self, files: tuple[Path, Path]) -> None:
        """Each block brings its findings on their lines and no other."""
        for case in _cases(files):
            found = sorted((f.rule, f.where.line) for f in _findings(files, case.text, case))
            assert found == sorted(case.expected), f"the block at line {case.line}: {case.title}"

    def test_findings_are_sentences(self, files: tuple[Path, Path]) -> None:
        """A finding says in one line what is off, and what to do."""
        for _, finding in _every(files):
            assert finding.message and "\n" not in finding.message
            assert finding.advice and not finding.message.endswith(".")
            assert 0 < finding.confidence <= 1

    def test_ids_hold_when_code_above_changes(self, files: tuple[Path, Path]) -> None:
        """A person's answer to a finding still stands after an edit above it."""
        for case, finding in _every(files):
            moved = _findings(files, f"import os\n\n\nunrelated = os\n{case.text}", case)
            assert finding.id in {f.id for f in moved}, f"the block at line {case.line}"

    def test_fixes_settle_what_they_are_for(self, files: tuple[Path, Path]) -> None:
        """A fix parses, removes its finding, adds none, and gives the `fixed` text where there is one."""
        for case in _cases(files):
            before = _findings(files, case.text, case)
            diffs = [f.fix.patch for f in before if f.fix is not None]
            if not diffs:
                continue
            mended = applied(case.text, diffs, Path("case.py"))
            ast.parse(mended)
            left = _findings(files, mended, case)
            kept = [f for f in before if f.fix is None]
            assert Counter(f.id for f in left) <= Counter(f.id for f in kept)
            assert case.fixed in (None, mended), f"the block at line {case.line}"

    def test_fixes_trouble_no_other_rule(self, files: tuple[Path, Path]) -> None:
        """A mended block has no finding, of whatever built-in rule, that it had not before."""
        loaded, _ = registry.load_all("rule")
        every = {name: kind() for name, kind in loaded.items() if kind.level != "possible"}
        for case in _cases(files):
            diffs = [f.fix.patch for f in _findings(files, case.text, case) if f.fix is not None]
            if diffs:
                mended = applied(case.text, diffs, Path("case.py"))
                before = Counter(f.rule for f in _all(every, case.text, case))
                after = Counter(f.rule for f in _all(every, mended, case))
                assert after <= before, f"the block at line {case.line}"

    def test_is_quiet_on_nothing(self, files: tuple[Path, Path]) -> None:
        """An empty file, and one of comments, bring no finding."""
        for text in ("", "# nothing\n", "pass\n"):
            assert not _findings(files, text, None)


def _extension(files: tuple[Path, Path]) -> Extension:
    name = files[0].stem.replace("_", "-")
    return Extension(KINDS["rule"], name, "project", str(files[0]))


def _rule(files: tuple[Path, Path]) -> RuleLike:
    rule: RuleLike = _extension(files).load()()
    return rule


def _cases(files: tuple[Path, Path]) -> list[cases.Case]:
    return cases.parse(files[1].read_text(encoding="utf-8"))


def _findings(files: tuple[Path, Path], text: str, case: cases.Case | None) -> list[Finding]:
    source, project = in_memory(text, case.beside if case else {})
    return claims(source, project, {_extension(files).name: _rule(files)})


def _all(rules: dict[str, RuleLike], text: str, case: cases.Case) -> list[Finding]:
    source, project = in_memory(text, case.beside)
    return claims(source, project, rules)


def _every(files: tuple[Path, Path]) -> Iterator[tuple[cases.Case, Finding]]:
    for case in _cases(files):
        for finding in _findings(files, case.text, case):
            yield case, finding
