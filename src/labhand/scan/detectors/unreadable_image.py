"""Images that cannot be read to their end."""

from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly, Repair, drops
from labhand.scan.anomaly import found as made
from labhand.scan.data import Data
from labhand.scan.detectors._pictures import MISSING, pictures


class Detector:
    """Images that cannot be read to their end.

    ## What it does
    Decodes every image whole, and tells those that are missing, empty, truncated, damaged, or no
    images at all, with what the decoder said.

    ## Why is this bad
    A training dies on them in the middle of an epoch, or learns from a picture that is half gray.

    ## Known problems
    A format that Pillow does not know counts as unreadable.

    ## Example
    A JPEG whose download was broken off

    ## Use instead
    Get them again, or leave them out.
    """

    needs = ("image",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part."""
        for told in pictures(data):
            bad = [at for at, picture in enumerate(told.told) if picture.trouble]
            if not bad:
                continue
            first = told.told[bad[0]].trouble
            gone = sum(told.told[at].trouble == MISSING for at in bad)
            rows = [int(told.rows[at]) for at in bad]
            yield Anomaly(
                told.part,
                f"{len(bad):,} of {len(told.told):,} images cannot be read{f' ({gone:,} of them are not there)' if gone else ''}, "
                f"as row {rows[0]}: {first}",
                "get these files again, or leave the rows out",
                0.98,
                made(rows, reason=[told.told[at].trouble for at in bad]),
                [told.column],
                "error",
                normal="every image can be read to its end",
                repair=Repair("scientific", f"drop {len(bad):,} rows", drops(rows)),
            )
