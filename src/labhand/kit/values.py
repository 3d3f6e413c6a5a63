"""A setting's value as a person types it: understood by the setting's type, or refused."""

import ast
import re
from typing import Any, NamedTuple

from labhand.core.errors import UsageError
from labhand.kit.code.data import Setting, literal

_TRUE = ("true", "1", "yes", "on", "y", "t")
_FALSE = ("false", "0", "no", "off", "n", "f")
DIGITS = 6
"""Significant digits of values that are computed or shown."""
_EXAMPLES = {
    "int": "a whole number such as 32",
    "float": "a number such as 1e-3",
    "bool": "true or false",
    "list": "values such as 1,2,3",
}


class Value(NamedTuple):
    """A value, as text for a command line, as code for a file, and in parts where it is a list."""

    value: object
    text: str
    code: str
    parts: list[str]


def read(setting: Setting, text: str) -> Value:
    """The value that `text` means for a setting.

    Raises:
        UsageError: it does not fit the setting's type or choices.
    """
    value = _typed(setting, text.strip())
    if setting.choices and value not in setting.choices and text not in map(str, setting.choices):
        options = ", ".join(map(str, setting.choices))
        raise UsageError(f"`{setting.name}` takes one of {options}; `{text}` is none of them")
    parts = [str(p) for p in value] if isinstance(value, list | tuple) else [str(value)]
    return Value(value, _text(value, text), _code(setting, value, text), parts)


def _typed(setting: Setting, text: str) -> object:
    if text in ("None", "none", "null") and setting.type != "str":
        return None
    try:
        match setting.type:
            case "int":
                return _whole(text)
            case "float":
                return float(text)
            case "bool":
                return _truth(text)
            case "list":
                return _several(setting, text)
            case "str":
                return _unquoted(text)
    except ValueError:
        wanted = _EXAMPLES[str(setting.type)]
        found = f"`{text}` is none" if text else "found nothing"
        raise UsageError(f"`{setting.name}` takes {wanted}; {found}") from None
    return guess(text)


def _whole(text: str) -> int:
    try:
        return int(text.replace("_", ""))
    except ValueError:
        number = float(text)
        if number != int(number) if abs(number) < 1e18 else True:
            raise ValueError(text) from None
        return int(number)


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _truth(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(text)


def _several(setting: Setting, text: str) -> list[object] | tuple[object, ...]:
    default = setting.default if isinstance(setting.default, list | tuple) else ()
    try:
        given = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        given = [guess(part) for part in re.split(r"[,\s]+", text.strip("[]() ")) if part]
    values = list(given) if isinstance(given, list | tuple) else [given]
    if default and all(isinstance(d, float) for d in default):
        values = [float(str(v)) for v in values]
    elif default and all(type(d) is int for d in default):
        values = [_number(str(v)) for v in values]
    return tuple(values) if isinstance(setting.default, tuple) else values


def guess(text: str) -> object:
    """The value that a text most likely means where no type is known."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return _unquoted(text)


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]
    return text[1:-1] if quoted else text


def _text(value: object, text: str) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return str(value)
    return str(value) if isinstance(value, str) else text.strip()


def _code(setting: Setting, value: object, text: str) -> str:
    """The value as Python code, as the person wrote it where that is Python."""
    if isinstance(value, str):
        quote = _quote(setting)
        escaped = value.replace("\\", "\\\\").replace(quote, f"\\{quote}")
        return repr(value) if "\n" in value else f"{quote}{escaped}{quote}"
    if isinstance(value, float):
        same = _parsed(text) == value and isinstance(_parsed(text), float)
        if value != value or value in (float("inf"), float("-inf")):
            return f'float("{value}")'
        return text.strip() if same else repr(value)
    return repr(value)


def _quote(setting: Setting) -> str:
    node = setting.value
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    if not is_text or setting.where is None or node is None:
        return '"'
    line = setting.where.source.lines[node.lineno - 1].encode()
    opening = line[node.col_offset : node.col_offset + 1].decode(errors="replace")
    return opening if opening in "\"'" and opening else '"'


def _parsed(text: str) -> object:
    try:
        return literal(ast.parse(text.strip(), mode="eval").body)[1]
    except SyntaxError:
        return None


def flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings with nested ones named `outer.inner`."""
    out: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict) and value:
            out |= flat(value, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = value
    return out


def shown(value: object) -> str:
    """A value as a person writes it: at most six digits, `3e-4`."""
    if isinstance(value, float):
        text = f"{value:.{DIGITS}g}"
        return (
            re.sub(r"e([+-])0+", lambda m: f"e{m[1].replace('+', '')}", text)
            if "e" in text
            else text
        )
    if isinstance(value, list | tuple):
        return ",".join(shown(v) for v in value)
    return str(value)
