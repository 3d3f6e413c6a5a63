"""Settings that a script reads by a parser: argparse, click and typer, fire, absl, hydra, a YAML file."""

from __future__ import annotations

import inspect
import sys
from _thread import get_ident

from .people import caller_of_person, of_person
from .wrap import around

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from .session import Session

# These parse with argparse on the way to settings that they are asked for themselves.
_OWN_PARSERS = ("fire", "hydra", "absl")


def arm_argparse(argparse: ModuleType, session: Session) -> None:
    """Tells the Namespace of the person's parsers, and again what has changed at the first point."""

    def parsed(result: Any, *_: Any, **__: Any) -> None:
        if (
            get_ident() != session.thread
            or caller_of_person(sys._getframe(1), _OWN_PARSERS) is None
        ):
            return
        namespace = result[0]
        tell(namespace)
        if len(session.before_first_point) < 20:
            session.before_first_point.append(lambda: tell(namespace))

    def tell(namespace: Any) -> None:
        session.config({k: v for k, v in vars(namespace).items() if not callable(v)})

    around(session, argparse.ArgumentParser, "parse_known_args", after=parsed)


def arm_click(core: ModuleType, session: Session) -> None:
    """Tells the parameters of the person's commands; typer's are commands of click."""

    def invoke(self: Any, ctx: Any) -> None:
        callback = self.callback
        code = getattr(inspect.unwrap(callback), "__code__", None) if callback else None
        if code is not None and of_person(code.co_filename):
            session.config(ctx.params)

    # A group invokes its command within its own call: both count.
    original = core.Command.invoke

    def call(self: Any, ctx: Any) -> Any:
        session.guard("click", invoke, self, ctx)
        return original(self, ctx)

    call.__name__, call.__doc__, call.__qualname__ = (
        "invoke",
        original.__doc__,
        original.__qualname__,
    )
    core.Command.invoke = call


def arm_fire(core: Any, session: Session) -> None:
    """Tells the arguments, with defaults, of the person's functions that fire calls."""
    make = core._MakeParseFn

    def told(fn: Any, parsed: Any) -> None:
        arguments, named = parsed[0]
        code = getattr(inspect.unwrap(fn), "__code__", None)
        if code is None:
            code = getattr(getattr(fn, "__init__", None), "__code__", None)
        if code is None or not of_person(code.co_filename):
            return
        bound = inspect.signature(fn).bind(*arguments, **named)
        bound.apply_defaults()
        session.config({k: v for k, v in bound.arguments.items() if k != "self"})

    def making(fn: Any, metadata: Any) -> Any:
        parse = make(fn, metadata)

        def parsing(arguments: Any) -> Any:
            parsed = parse(arguments)
            session.guard("fire", told, fn, parsed)
            return parsed

        return parsing

    core._MakeParseFn = making


def arm_absl(flags: Any, session: Session) -> None:
    """Tells the flags that the person's modules define."""

    def parsed(result: Any, self: Any, *_: Any, **__: Any) -> None:
        told = {}
        for module, defined in self.flags_by_module_dict().items():
            file = getattr(sys.modules.get(module, sys.modules["__main__"]), "__file__", None)
            if not module.startswith("absl") and (file is None or of_person(file)):
                told.update({flag.name: flag.value for flag in defined})
        session.config(told)

    around(session, flags.FlagValues, "__call__", after=parsed)


_LARGEST = 200
"""Entries at the top of a YAML file that holds settings; one of data has more."""
_PASSED = ("yaml", "omegaconf", "_labhand_probe")


def arm_yaml(yaml: ModuleType, session: Session) -> None:
    """Tells what the person's own code loads from a YAML file, by itself or through OmegaConf."""
    told = [0]

    def loaded(result: Any, stream: Any = None, *_: Any, **__: Any) -> None:
        name = getattr(stream, "name", None)
        if not isinstance(name, str) or not name.endswith((".yaml", ".yml")):
            return
        if not isinstance(result, dict) or len(result) > _LARGEST or told[0] > 4:
            return
        frame = sys._getframe(1)
        while (
            frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in _PASSED
        ):
            frame = frame.f_back  # type: ignore[assignment]
        if (
            frame is not None
            and of_person(frame.f_code.co_filename)
            and get_ident() == session.thread
        ):
            told[0] += 1
            session.config(result)

    around(session, yaml, "load", after=loaded)


def arm_hydra(module: ModuleType, session: Session) -> None:
    """Tells the composed configuration of the job, without hydra's own part."""

    def job(*arguments: Any, **named: Any) -> None:
        omega = sys.modules["omegaconf"].OmegaConf
        config = named["config"] if "config" in named else arguments[1]
        with kept_randomness():
            session.config({k: whole(omega, config, k) for k in config if k != "hydra"})

    def whole(omega: Any, config: Any, key: str) -> Any:
        try:
            value = config[key]
            return omega.to_container(value, resolve=True) if omega.is_config(value) else value
        except Exception:  # a value that is missing, or an interpolation that only works later
            return "???"

    around(session, module, "run_job", before=job)


class kept_randomness:  # noqa: N801
    """Puts Python's and NumPy's generators back: a resolver may draw from them."""

    def __enter__(self) -> None:
        self._python = sys.modules.get("random")
        self._numpy: Any = getattr(sys.modules.get("numpy"), "random", None)
        self._states = (
            self._python.getstate() if self._python else None,
            self._numpy.get_state() if self._numpy else None,
        )

    def __exit__(self, *_: Any) -> None:
        if self._python:
            self._python.setstate(self._states[0])
        if self._numpy:
            self._numpy.set_state(self._states[1])
