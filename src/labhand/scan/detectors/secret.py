"""Secrets in texts: keys, tokens and passwords."""

import re
from collections.abc import Iterable, Iterator

from labhand.kit.scrub import secrets_in
from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data
from labhand.scan.detectors._spans import Span, columns_of, kinds, rows_hold, settled, spans
from labhand.scan.texts import words

ROUGH = r"[A-Za-z0-9_\-]{20}|(?i)key|token|passw|passphrase|pwd|secret|credential|auth|://[^\s/]*:[^\s/]*@|PuTTY"

_COMPARED = re.compile(r"[=!]=\s*[bru]?[\"']?$")
"""What a value is compared with is no value of that name: `check("password") == "5f4d…"`."""


class Detector:
    """Secrets in texts: keys, tokens and passwords.

    ## What it does
    Finds what labhand masks wherever it writes: tokens with a shape of their own (of cloud providers,
    hubs, trackers), private keys, passwords in URLs, and values of names that hold a secret. The
    message names the kind and never the secret.

    ## Why is this bad
    A model can repeat what it learned; whoever shares the data shares the secret.

    ## Known problems
    Examples in documentation look like secrets; placeholders such as `YOUR_KEY` are left alone.

    ## Example
    `export HF_TOKEN=hf_…`

    ## Use instead
    Revoke the secret, and mask it in the data.
    """

    needs = ("rows",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part."""
        import polars as pl

        for part in data.parts:
            found = spans(words(data, part), pl.col("text").str.contains(ROUGH), _secrets)
            if not len(found):
                continue
            masked = found.with_columns(excerpt=pl.format("[secret:{}]", "what"))
            yield Anomaly(
                part,
                rows_hold(part, masked, f"secrets ({kinds(found)})"),
                "revoke them, and mask them in the data",
                0.85,
                settled(masked),
                columns_of(found),
                "warning",
                normal="no text holds a key, a token or a password",
            )


def _secrets(text: str) -> Iterator[Span]:
    for start, end, kind in secrets_in(text):
        if kind == "named" and _COMPARED.search(text[max(0, start - 12) : start]):
            continue
        yield Span(start, end, kind, 0.7 if kind == "named" else 1.0)
