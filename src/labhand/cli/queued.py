"""What the process that starts runs has each of them done: carried unseen, reported; sweeps concluded."""

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from labhand.cycle.starter import Claim

if TYPE_CHECKING:
    from labhand.core.run import Run
    from labhand.core.store import Store
    from labhand.cycle.sweep import Sweep

LOADED = (
    "glob",
    "importlib.readers",
    "numpy",
    "psutil",
    "sqlite3",
    "labhand.cli.run",
    "labhand.cycle.run",
    "labhand.kit.few",
    "labhand.kit.packed",
    "labhand.kit.series",
    "labhand.notify",
    "labhand.web.report",
)
"""What carrying a run imports, and does not with the others of them."""


class Carrier:
    """Carries runs of the queue unseen. All that they need is loaded once, by `warm`."""

    def warm(self, store: "Store") -> None:
        """Loads what `carry` takes."""
        from importlib import import_module

        from labhand.core.registry import load_all

        for name in LOADED:
            import_module(name)
        for kind in ("detector", "launcher", "reader"):
            load_all(kind, store.home)
        for page in ("report.html.jinja", "parts.html.jinja"):
            import_module("labhand.web.report").template(page)

    def carry(self, claim: Claim) -> int:
        """Carries a run to its end; its exit code."""
        from labhand.cli.run import notifying, report
        from labhand.core.errors import LabhandError
        from labhand.cycle.request import Silent
        from labhand.cycle.run import prepare
        from labhand.cycle.run import run as carry_run

        class Begun(Silent):
            def started(self, run: "Run") -> None:
                claim.begun()

        try:
            prepared = prepare(claim.request())
            claim.becomes(prepared.run.id)
            with notifying(prepared, Begun()) as (face, send_end):
                done = carry_run(prepared.request, face, prepared)
                many = claim.sweep if len(claim.sweep.settings) > 1 else None
                report(prepared, done, shown=False, many=many)
                send_end(done)
        except LabhandError as error:
            claim.refused(str(error))
            return 2
        except BaseException:
            claim.refused(f"a mistake of labhand's own: {traceback.format_exc(limit=-1)}")
            return 1
        return done.exit_code or 0

    def conclude(self, store: "Store", many: "Sweep") -> None:
        """Writes the report of a sweep whose runs have all ended."""
        from labhand.core.store import project_root
        from labhand.kit import configuration
        from labhand.web.sweep_report import write

        if len(many.settings) > 1 and configuration.read(project_root(Path(many.cwd))).report:
            write(store, many)
