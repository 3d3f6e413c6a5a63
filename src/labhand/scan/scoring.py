"""The outlier score of every row, and the file that it is written to."""

from pathlib import Path

from labhand.core.finding import Skipped
from labhand.scan.data import Data
from labhand.scan.outliers import outlierness


def write_scores(data: Data, path: Path) -> list[Skipped]:
    """What kept rows from being scored; writes `part`, `row` and `score` of every row."""
    import polars as pl

    made: list[pl.DataFrame] = []
    skipped: list[Skipped] = []
    for part in data.parts:
        scored = outlierness(data, part)
        if scored is None:
            why = f"no scores of {part.path}: it has no numeric column that varies"
            skipped.append(Skipped("row-outlier", why))
            continue
        rows = pl.Series("row", part.row_numbers)
        score = pl.Series("score", scored.scores)
        made.append(pl.DataFrame([rows, score]).with_columns(part=pl.lit(part.name)))
    empty = pl.DataFrame(schema={"row": pl.Int64, "score": pl.Float64, "part": pl.String})
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.concat([empty, *made], how="vertical_relaxed").write_parquet(path)
    return skipped
