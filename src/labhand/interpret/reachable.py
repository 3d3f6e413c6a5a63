"""The settings that `--set` can reach in one script, each with what it is in the field and by its use."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from labhand.core.errors import LabhandError
from labhand.interpret import uses, vocabulary
from labhand.interpret.kinds import concept_of, fits, of_default
from labhand.interpret.vocabulary import Concept
from labhand.kit.settings import Setting, find

SHORT = 3
"""Letters of a name that may stand for many things."""


class Known(NamedTuple):
    """A setting of the script, the key that `--set` takes for it, and what it is in the field.

    `inverse`: it is on to switch something off (`no_augment`); `may_be_none`: the code asks whether it
    is None, so that None turns it off and 0 does not.
    """

    setting: Setting
    key: str
    concept: Concept | None
    inverse: bool = False
    may_be_none: bool = False


def reachable(settings: Sequence[Setting], script: Path | None) -> list[Known]:
    """The settings that can be changed, each once."""
    return _optional(_used(_distinct(settings, script), script), script)


def _distinct(settings: Sequence[Setting], script: Path | None) -> list[Known]:
    """The settings that `--set` can reach, each once."""
    found: dict[str, Known] = {}
    for setting in settings:
        if setting.holds and not setting.flag:
            continue  # a group of settings has no value of its own
        for key in (setting.name, f"{setting.owner or setting.file.stem}.{setting.name}"):
            if key in found and found[key].setting == setting:
                break
            try:
                same = find(key, settings, script or setting.file) == setting
            except LabhandError:
                continue
            if same:
                concept, inverse = concept_of(setting)
                found.setdefault(key, Known(setting, key, concept, inverse))
                break
    return list(found.values())


def _used(found: list[Known], script: Path | None) -> list[Known]:
    """The settings, with what their use tells of those whose names tell nothing, or are too short to."""
    dumb = {
        k.setting.name.rpartition(".")[2]: k
        for k in found
        if k.setting.type in ("int", "float", None)
        and (k.concept is None or len(k.setting.name.rpartition(".")[2]) <= SHORT)
    }
    files = {k.setting.file for k in dumb.values() if k.setting.file.suffix == ".py"}
    if script is not None:
        files.add(script)
    told = uses.by_use(sorted(files), dumb) if dumb else {}
    known = {k.concept.id for k in found if k.concept and k not in dumb.values()}
    for place, one in enumerate(found):
        concept = of_default(one.setting, one.concept)
        if concept is not None and concept not in known:
            found[place] = one._replace(concept=vocabulary.concepts()[concept])
    for place, one in enumerate(found):
        concept = told.get(one.setting.name.rpartition(".")[2])
        if one in dumb.values() and concept is not None and concept not in known:
            sound = fits(one.setting, vocabulary.concepts()[concept])
            found[place] = one._replace(concept=vocabulary.concepts()[concept]) if sound else one
    return _diffusing(found)


def _diffusing(found: list[Known]) -> list[Known]:
    """The settings, with the steps of the noise told from those of the training where both are there."""
    steps = [k for k in found if k.concept is not None and k.concept.id == "steps"]
    named = [
        k for k in steps if k.setting.name.rpartition(".")[2].lower() in ("timesteps", "t", "n_t")
    ]
    of_noise = any(
        (k.concept is not None and k.concept.id in ("guidance", "label-drop"))
        or _NOISE.search(k.setting.name.lower())
        for k in found
    )
    if len(steps) < 2 or len(named) != 1 or not of_noise:
        return found
    concept = vocabulary.concepts()["diffusion-steps"]
    return [k._replace(concept=concept) if k is named[0] else k for k in found]


_NOISE = re.compile(r"beta_?(?:start|end|schedule|min|max)|noise_schedule|ddim|ddpm|diffusion")


def _optional(found: list[Known], script: Path | None) -> list[Known]:
    """The settings, with whether None turns them off."""
    names = {
        k.setting.name.rpartition(".")[2]
        for k in found
        if k.setting.kind in ("constant", "dataclass", "hydra", "config", "fire")
    }
    files = {k.setting.file for k in found if k.setting.file.suffix == ".py"} | ({script} - {None})
    asked = uses.may_be_none(sorted(f for f in files if f is not None), names) if names else set()
    asked = asked | _NONE_TURNS_OFF
    return [k._replace(may_be_none=k.setting.name.rpartition(".")[2] in asked) for k in found]


_NONE_TURNS_OFF = {"class_weight", "penalty", "max_leaf_nodes", "max_samples"}
"""Arguments of scikit-learn that None turns off."""


def done_every(known: Sequence[Known], script: Path | None) -> dict[str, frozenset[str]]:
    """What the code does every so many rounds, by the last part of the setting that says how many."""
    names = {k.setting.name.rpartition(".")[2] for k in known if k.setting.type in ("int", None)}
    files = {k.setting.file for k in known if k.setting.file.suffix == ".py"} | ({script} - {None})
    return uses.done_every(sorted(f for f in files if f is not None), names) if names else {}
