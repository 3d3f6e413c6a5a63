"""How far each row of a part lies from the others, by several views that need no labels."""

from typing import Any, NamedTuple

from labhand.scan.data import Data, Part


class Outlierness(NamedTuple):
    """One score a row, in the order of `part.row_numbers`; higher is stranger, 0 the middle."""

    scores: Any
    columns: list[str]
    fitted_on: int
    dropped: list[str]
    """Views that said nothing, each with the reason."""


def outlierness(data: Data, part: Part) -> Outlierness | None:
    """The score of every row; None where no numeric column varies."""
    return data.shared(f"outliers {part.name}", lambda: _scored(data, part))


def _scored(data: Data, part: Part) -> Outlierness | None:
    import numpy as np

    names = [n for n in data.features(part, "number") if part.columns[n].std]
    if not names or part.rows < 2:
        return None
    matrix = part.numbers(names)
    middle = np.nanmedian(matrix, axis=0)
    spread = np.nanstd(matrix, axis=0)
    deviations = np.abs((matrix - middle) / np.where(spread > 0, spread, 1))
    return Outlierness(np.nan_to_num(deviations).mean(axis=1), names, part.rows, [])
