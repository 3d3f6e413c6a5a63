"""Versions that do not go together."""

import re
from pathlib import Path

from labhand.core import run
from labhand.launch.interpreter import installed
from labhand.launch.job import Evidence
from labhand.launch.packages import known_namespaces, release
from labhand.launch.renames import GIVEN_UP, NAMES, STYLES, Name
from labhand.launch.said import Said, said

_TEXT = re.compile(
    r"ResolutionImpossible|VersionConflict|DistributionNotFound|(?P<symbol>undefined symbol: \S+)"
    r"|is required for a normal functioning of this module|but you(?:'ll)? have [\w.-]+ ?[\d.]+"
    r"|(?:requires|need)s? (?:version )?[\w.-]+ ?(?:[<>=!~]=|[<>]) ?[\d.]+[^\n]*(?:but|found|installed|have)"
    r"|(?:is )?incompatible with (?:the )?(?:installed )?(?:version|[\w.-]+ ?[\d.]+)|version mismatch|requires torch[><=]"
    r"|(?P<minimum>[\w.-]+ (?:version )?(?:>=|<=|==|<|>) ?[\d.]+ is required)|partially initialized module 'cv2'"
    r"|operator (?P<extension>\w+)::\w+ does not exist|This version of [\w.-]+ requires|was (?:built|compiled) (?:with|against|for) (?:a different|another|\w+ [\d.]+)[^\n]*(?:version|but)"
)
_GONE = re.compile(
    r"cannot import name '(?P<name>\w+)' from '(?P<module>[\w.]+)'|module '(?P<of>[\w.]+)' has no attribute '(?P<attribute>\w+)'"
    r"|'(?P<object>\w+)' object has no attribute '(?P<method>\w+)'|No module named '(?P<part>sklearn\.externals\.joblib)'"
)
_STYLE = re.compile(
    r"'(?P<style>seaborn(?!-v0_8)[\w-]*)' (?:is not a valid package style|not found in the style library)"
)
_REMOVED = re.compile(
    r"(?:removed|dropped) (?:from|in|since|as of)\b[^\n]{0,60}?(?:version|release|\d+\.\d+)"
    r"|deprecated\b[^\n]{0,60}\b(?:now|been) removed|no longer (?:supported|available|provided)\b[^\n]{0,40}\d+\.\d+"
)
"""How a library says itself that it has given something up."""
_ABSENT = re.compile(
    r"cannot import name '(?P<name>\w+)' from '(?P<module>[\w.]+)' \((?P<file>/[^()]+)\)"
    r"|No module named '(?P<part>\w+(?:\.\w+)+)'"
)
_LIBRARY = re.compile(r"(?:(?:site|dist)-packages|/packages/[0-9a-f]{12})/(?P<name>[A-Za-z0-9_]+)")


class Failure:
    """Two packages, or the code and a package, are of versions that do not go together.

    ## What it does
    Recognises requirements that are not met, symbols that a compiled module lacks, a library that
    does not find what it expects in another one, and names that a library has removed or does not hold.

    ## Known problems
    A name that the person's own code spells wrong looks alike: then only that it is not there is said.

    ## Example
    `ImportError: cannot import name 'Mapping' from 'collections'`

    ## References
    The Python Packaging User Guide, "Version specifiers".
    """

    order = 48

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the name that is gone, or the library that is not served."""
        found = said(evidence, _TEXT)
        if found is not None and found.error is not None and found.error.type == "AssertionError":
            return None
        if found is not None:
            message = f"versions do not go together: {found.text.splitlines()[0].strip()[:200]}"
            if extension := found.match["extension"]:
                message = f"the compiled part of {extension} does not go with the installed torch"
            facts = {**found.facts, "library": extension or _library(found)}
            return run.Failure("version-conflict", message, {**facts, "advice": _ADVICE})
        if style := said(evidence, _STYLE):
            return _restyled(style)
        gone = said(evidence, _GONE)
        known = _gone(gone) if gone is not None and gone.error is not None else None
        return known or _given_up(said(evidence, _REMOVED)) or _absent(evidence)


_ADVICE = (
    "install the versions that the project was written for; its lock file or its date tell which"
)


def _restyled(found: Said) -> run.Failure:
    """A style of matplotlib by its name before 3.6."""
    old = found.match["style"]
    new = old.replace(*STYLES, 1)
    message = f"matplotlib's style `{old}` is called `{new}` in the installed version"
    facts = {**found.facts, "style": old, "new": new, "advice": f"write `{new}` in its place"}
    return run.Failure("version-conflict", message, facts)


def _gone(found: Said) -> run.Failure | None:
    parts = found.match.groupdict()
    module = parts["module"] or parts["of"] or ("sklearn.externals" if parts["part"] else "")
    name = parts["name"] or parts["attribute"] or parts["method"] or "joblib"
    known = _removed(module, name)
    if known is not None:
        message = f"`{module + '.' if module else ''}{name}` is gone from the installed version"
        advice = f"write `{known.whole}` in its place"
        facts = {**found.facts, "module": module, "old": name, "new": known.new}
        return run.Failure("version-conflict", message, {**facts, "advice": advice})
    instead = GIVEN_UP.get((parts["object"], name))
    if instead is not None:
        message = f"`{parts['object']}.{name}` is gone from the installed version"
        facts = {**found.facts, "old": name, "advice": f"write {instead} in its place"}
        facts["appended"] = name == "append"
        return run.Failure("version-conflict", message, facts)
    error = found.error
    library = _library(found)
    if error is None or not error.frames or not error.frames[-1].foreign or not library:
        return None
    if parts["object"] or not any(f.foreign and "<module>" in f.function for f in error.frames):
        return None  # what a library does while it runs can be the fault of what it was given
    message = f"{library} does not find `{name}` in the installed {module or 'package'}"
    facts = {**found.facts, "module": module, "old": name, "library": library}
    return run.Failure("version-conflict", message, {**facts, "advice": _ADVICE})


def _given_up(found: Said | None) -> run.Failure | None:
    """What a library says itself to be removed."""
    error = found.error if found is not None else None
    if found is None or error is None or not error.frames or not error.frames[-1].foreign:
        return None  # the words of the person's own code
    library = _library(found)
    message = f"{library or 'the library'} has given up what the code uses: {error.headline}"
    return run.Failure(
        "version-conflict", message, {**found.facts, "library": library, "advice": _ADVICE}
    )


def _absent(evidence: Evidence) -> run.Failure | None:
    """A name that the person's code imports from an installed library, which does not hold it."""
    found = said(evidence, _ABSENT)
    error = found.error if found is not None else None
    if found is None or error is None or "partially initialized" in error.message:
        return None
    part = found.match["part"]
    name = part or f"{found.match['module']}.{found.match['name']}"
    top = name.partition(".")[0]
    if part and part in known_namespaces():
        return None
    place = installed(top, evidence)
    if place is None or (error.own and Path(error.own.file).parent.joinpath(top).exists()):
        return None
    message = f"the installed {release(place)} has no `{name}`"
    advice = (
        "where it is not misspelt, the code was written for another version: the changelog of "
        f"{top} tells what took its place; {_ADVICE}"
    )
    facts = {**found.facts, "old": name, "library": top, "advice": advice}
    return run.Failure("version-conflict", message, facts)


def _removed(module: str, name: str) -> Name | None:
    return next((n for n in NAMES if n.old == name and n.module == module), None)


def _library(found: Said) -> str:
    frames = found.error.frames if found.error is not None else []
    for frame in reversed(frames):
        place = _LIBRARY.search(frame.file)
        if place:
            return place["name"]
    return ""
