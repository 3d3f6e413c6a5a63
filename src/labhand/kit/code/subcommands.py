"""The word of the command that a setting needs before it: `train` of `cli.py train --lr 0.1`."""

import ast
from collections.abc import Sequence

from labhand.kit.code.data import Setting, literal
from labhand.kit.code.model import FunctionNode


def parted(
    words: Sequence[str], setting: Setting, known: Sequence[Setting]
) -> tuple[list[str], list[str]]:
    """The words after the script in two: what a setting may be added to the end of, and what follows.

    Where the command lacks the word that the setting needs, it gets it; a setting of all commands
    stands before that word.
    """
    name, every = needed(setting), {n for s in known if (n := needed(s))}
    at = next((i for i, word in enumerate(words) if word in every), len(words))
    if name and at == len(words):
        return [*words, name], []
    return (list(words), []) if name else (list(words[:at]), list(words[at:]))


def needed(setting: Setting) -> str:
    """The command that a setting belongs to; empty where the script has no commands, or it is of all."""
    if setting.where is None:
        return ""
    if setting.kind == "argparse":
        return _of_parser(setting)
    return _of_function(setting) if setting.kind in ("click", "typer") else ""


def _of_parser(setting: Setting) -> str:
    """The name that the parser was added by, on which a flag is declared."""
    where = setting.where
    above = where.source.index.parents.get(setting.node) if where and setting.node else None
    on = (
        above.func.value
        if isinstance(above, ast.Call) and isinstance(above.func, ast.Attribute)
        else None
    )
    if where is None or not isinstance(on, ast.Name):
        return ""
    made = [b.value for b in where.scope.bindings.get(on.id, ())]
    calls = [
        m for m in made if isinstance(m, ast.Call) and ast.unparse(m.func).endswith(".add_parser")
    ]
    names = [literal(c.args[0])[1] for c in calls if c.args]
    return names[0] if len(made) == 1 and len(names) == 1 and isinstance(names[0], str) else ""


def _of_function(setting: Setting) -> str:
    node = setting.where.scope.node if setting.where else None
    if setting.where is None or not isinstance(node, FunctionNode):
        return ""
    for told in node.decorator_list:
        plain = told.func if isinstance(told, ast.Call) else told
        if not isinstance(plain, ast.Attribute) or plain.attr != "command":
            continue
        group = ast.unparse(plain.value)
        alone = setting.where.source.text.count(f"@{group}.command") < 2
        if group in ("click", "asyncclick", "rich_click") or (setting.kind == "typer" and alone):
            return ""
        given = literal(told.args[0])[1] if isinstance(told, ast.Call) and told.args else None
        return given if isinstance(given, str) else node.name.replace("_", "-")
    return ""


__all__ = ["needed", "parted"]
