"""A comment that silences a rule which finds nothing there."""

import ast
import difflib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from labhand.check.claim import Change, Claim, Code, Edit, Level, RuleLike, made
from labhand.check.suppress import JUDGE, Mark, covered, marks
from labhand.core import registry
from labhand.core.finding import Severity
from labhand.core.store import Store


class Rule:
    """A comment that silences a rule which finds nothing there.

    ## What it does
    Runs the rules that a `# labhand: ignore[…]` names on its file, and reports the names that find
    nothing on its statement, or, above the first code, in the file; names that no rule has, too.

    ## Why is this bad
    The mistake that it excused is gone, or stands on another line. The comment goes on telling the
    reader of a mistake, and silences the next real one that comes to its line.

    ## Known problems
    A comment without names is judged by the rules that are on by default.

    ## Example
    ```python
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()  # labhand: ignore[grad-zero-missing] gradients add up on purpose
    ```

    ## Use instead
    ```python
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ```

    ## Fix safety
    Neutral: only the comment goes, with its reason; names that silence something stay.

    ## References
    - https://docs.astral.sh/ruff/rules/unused-noqa/, the same idea for `noqa`
    - https://eslint.org/docs/latest/use/configure/rules#report-unused-eslint-disable-comments
    """

    severity: Severity = "note"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """One claim for each comment that has a name to no purpose."""
        if not code.mentions("labhand"):
            return
        rules = _rules(Store.at(code.project.root).home)
        found: dict[str, list[range]] = {}
        for mark in marks(code.source):
            if mark.silences(JUDGE):
                continue
            names = mark.names if mark.names is not None else _by_default(rules)
            idle = [n for n in names if not _finds(n, mark, code, rules, found)]
            if idle and (mark.names is not None or len(idle) == len(names)):
                yield _claim(mark, idle, rules, code)


def _finds(
    name: str, mark: Mark, code: Code, rules: dict[str, RuleLike], found: dict[str, list[range]]
) -> bool:
    if name not in rules:
        return False
    if name not in found:
        try:
            nodes = [claim.node for claim in rules[name].check(code)]
        except Exception:  # the engine tells of the rule; of its comments nothing is known
            return True
        found[name] = [covered(n.lineno, n.end_lineno or n.lineno, code.source) for n in nodes]
    return any(mark.whole or mark.line in lines for lines in found[name])


@cache
def _rules(home: Path) -> dict[str, RuleLike]:
    rules: dict[str, RuleLike] = {}
    for name, kind in registry.load_all("rule", home)[0].items():
        with suppress(Exception):  # the engine tells of it
            rules[name] = made(kind)
    rules.pop(JUDGE, None)
    return rules


def _by_default(rules: dict[str, RuleLike]) -> tuple[str, ...]:
    return tuple(name for name, rule in rules.items() if rule.level != "possible")


def _claim(mark: Mark, idle: list[str], rules: dict[str, RuleLike], code: Code) -> Claim:
    line = code.source.lines[mark.line - 1]
    text = line[mark.start : mark.end]
    place = "in this file" if mark.whole else "here"
    unknown = [n for n in idle if n not in rules]
    if mark.names is None:
        message = f"this comment silences every rule, and none finds anything {place}"
    elif unknown:
        near = difflib.get_close_matches(unknown[0], rules, n=1)
        message = f"no rule is named `{unknown[0]}`" + (f"; `{near[0]}` is" if near else "")
    else:
        names = " and ".join(f"`{n}`" for n in idle)
        message = f"{names} {'find' if len(idle) > 1 else 'finds'} nothing {place}"
    kept = [n for n in mark.names or () if n not in idle]
    advice = "name the rule that it is for, or remove it" if unknown else "remove it"
    return Claim(
        node=_node(mark, text, line),
        message=message,
        advice=f"keep only {', '.join(f'`{n}`' for n in kept)}" if kept else advice,
        function="",
        confidence=0.95,
        evidence={"idle": idle},
        change=None if unknown else _change(mark, kept, line),
    )


def _node(mark: Mark, text: str, line: str) -> ast.expr:
    """A comment is no part of the tree; this stands for it."""
    start, end = len(line[: mark.start].encode()), len(line[: mark.end].encode())
    return ast.Name(
        id=text, lineno=mark.line, end_lineno=mark.line, col_offset=start, end_col_offset=end
    )


def _change(mark: Mark, kept: list[str], line: str) -> Change:
    if kept:
        text = line[mark.start : mark.end]
        head, rest = text[: text.index("[")], text[text.index("]") :]
        new = f"{head}[{', '.join(kept)}{rest}"
        edit = Edit(mark.line, mark.start, new, mark.line, mark.end)
        return Change("neutral", "Remove what silences nothing", [edit])
    before = len(line[: mark.start].rstrip())
    after = line[mark.end :].lstrip()
    if not before and not after:
        edit = Edit(mark.line, 0, "", mark.line + 1, 0)
    elif after:
        edit = Edit(mark.line, mark.start, after, mark.line, len(line))
    else:
        edit = Edit(mark.line, before, "", mark.line, mark.end)
    return Change("neutral", "Remove the comment", [edit])
