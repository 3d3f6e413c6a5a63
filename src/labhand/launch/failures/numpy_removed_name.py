"""A name that NumPy no longer has."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.renames import NUMPY, NUMPY_DEFINED, NUMPY_PLAIN
from labhand.launch.said import said

_TEXT = re.compile(
    r"module 'numpy' has no attribute '(?P<name>\w+)'"
    r"|`np\.(?P<two>\w+)` was (?:removed|a deprecated alias)|cannot import name '(?P<imported>\w+)' from 'numpy'"
    r"|'numpy\.ndarray' object has no attribute '(?P<array>itemset|newbyteorder|ptp|tostring)'"
    r"|`(?P<method>\w+)` was removed from the (?:ndarray|dtype|generic|\w+) class in NumPy 2"
)
_MORE = frozenset(
    "find_common_type cast source lookfor who obj2sctype sctype2char sctypes maximum_sctype issctype issubclass_ "
    "issubsctype set_string_function deprecate deprecate_with_doc disp compat nbytes recfromcsv recfromtxt "
    "safe_eval byte_bounds compare_chararrays add_newdoc add_docstring DataSource geterrobj seterrobj "
    "fastCopyAndTranspose tracemalloc_domain asscalar rank loads rollaxis matrix".split()
)


class Failure:
    """A name of NumPy was used that its installed version no longer has.

    ## What it does
    Recognises aliases that NumPy 1.24 removed (`np.float`, `np.int`, `np.bool`, …) and names that
    NumPy 2 removed (`np.float_`, `np.Inf`, `np.product`, …).

    ## Known problems
    A name that NumPy never had is a slip of the code and left to `own-code`.

    ## Example
    `AttributeError: module 'numpy' has no attribute 'float'.`

    ## References
    NumPy, "NumPy 2.0 migration guide" and "NumPy 1.24.0 Release Notes", expired deprecations.
    """

    order = 41

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the name in `evidence["name"]`."""
        found = said(evidence, _TEXT)
        if found is None or found.error is None:
            return None
        name = next(part for part in found.match.groups() if part)
        known = name in {*NUMPY, *NUMPY_PLAIN, *NUMPY_DEFINED, *_MORE}
        if not known and not (found.match["method"] or found.match["two"] or found.match["array"]):
            return None
        message = f"the installed NumPy no longer has `{name}`"
        new = NUMPY_PLAIN.get(name) or (f"np.{NUMPY[name]}" if name in NUMPY else "")
        advice = f"write `{new}` in place of `np.{name}`" if new else "see NumPy's migration guide"
        places = [frame.file for frame in found.error.frames]
        facts = {**found.facts, "name": name, "files": list(dict.fromkeys(places))}
        return run.Failure("numpy-removed-name", message, {**facts, "advice": advice})
