"""Watches one attempt: feeds the signals to the detectors and keeps the incidents."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from labhand.core.finding import Finding, Findings, Skipped
from labhand.core.registry import extensions, load_all
from labhand.watch.incidents import Incidents
from labhand.watch.roles import Roles
from labhand.watch.signals import Signal


class Watcher:
    """Watches one attempt of a run, or one log.

    Never raises because of a detector: one that raises is switched off and named in `skipped`.
    `home` is the labhand home whose own detectors take part; `roles` says what a metric is where its
    name does not; `select` and `ignore` are names of detectors.

    Raises:
        UsageError: a role that does not exist.
    """

    def __init__(
        self,
        run: str | None,
        attempt: int | None,
        *,
        home: Path | None = None,
        roles: Mapping[str, str] | None = None,
        select: Collection[str] | None = None,
        ignore: Collection[str] = (),
    ) -> None:
        self.roles = Roles(roles)
        self._incidents = Incidents(run, attempt)
        self._skipped: dict[str, str] = {}
        self._detectors: dict[str, Any] = {}
        loaded, broken = load_all("detector", home)
        self._skipped |= {b.extension.name: f"it cannot be loaded: {b.why}" for b in broken}
        for name, detector in loaded.items():
            if (select and name not in select) or name in ignore:
                continue
            try:
                self._detectors[name] = detector(self.roles)
            except Exception as error:
                self._switch_off(name, error)
        self._see = [(name, d.see) for name, d in self._detectors.items()]

    def feed(self, signal: Signal) -> list[Finding]:
        """The findings that this signal opened or changed, as they now stand."""
        changed: list[Finding] = []
        for name, see in self._see:
            try:
                if claims := see(signal):
                    changed += self._incidents.take(name, claims)
            except Exception as error:  # somebody's detector must not stop anybody's training
                self._switch_off(name, error)
        return changed

    def findings(self) -> Findings:
        """Every incident as it stands, what ran, and what could not and why."""
        found = self._incidents.all()
        skipped = dict(self._skipped)
        for name, detector in self._detectors.items():
            blind = getattr(detector, "blind", None)
            if blind is not None and (why := blind()):
                skipped[name] = why
        return Findings(
            findings=found,
            ran=[name for name in self._detectors if name not in skipped],
            skipped=[Skipped(name, why) for name, why in sorted(skipped.items())],
            summary={
                "incidents": len(found),
                "alarms": sum(finding.alarm is True for finding in found),
                "roles": self.roles.found(),
                "assumptions": self.roles.assumptions(),
            },
        )

    def close(self) -> None:
        """The attempt is over: incidents that lasted to the end are closed."""
        self._incidents.close()

    def _switch_off(self, name: str, error: Exception) -> None:
        self._detectors.pop(name, None)
        self._see = [(n, d.see) for n, d in self._detectors.items()]
        self._skipped[name] = f"it failed and was switched off: {type(error).__name__}: {error}"


def detectors(home: Path | None = None) -> list[str]:
    """The names of all detectors."""
    return [extension.name for extension in extensions("detector", home)]
