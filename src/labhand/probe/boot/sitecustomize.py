"""Lets the probe into this interpreter, then the sitecustomize that would have run without it.

Python imports the first `sitecustomize` on its path while it starts. This one takes its folder
off the path again and hands over to the next one, so the script finds the path, the modules and
any error message of that next one as if it had never been here.
"""

import os
import sys


def _leave(boot):  # type: (str) -> None
    sys.path[:] = [entry for entry in sys.path if entry != boot]
    sys.path_importer_cache.pop(boot, None)
    sys.modules.pop("sitecustomize", None)


def _arm(probe):  # type: (str) -> None
    attempt = os.environ.get("LABHAND_ATTEMPT")
    if not attempt or "_labhand_probe" in sys.modules or not os.path.isdir(attempt):
        return
    try:
        package = type(sys)("_labhand_probe")
        package.__path__ = [probe]
        sys.modules["_labhand_probe"] = package
        from _labhand_probe import parts  # type: ignore[import-not-found]

        parts.start(attempt)
    except Exception:  # the person's interpreter starts, whatever became of the probe
        pass


_boot = os.path.dirname(os.path.abspath(__file__))
_leave(_boot)
try:
    # Without a next one this raises what Python expects of a missing sitecustomize and passes over.
    import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
finally:
    _arm(os.path.dirname(_boot))
