"""Names the certificates that the system trusts."""

from pathlib import Path

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation

_NAMES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class Fixer:
    """Names the certificates that the system trusts.

    ## What it does
    Points SSL_CERT_FILE, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE at the bundle that one of them, or
    the system, has.

    ## Known problems
    A proxy that refuses is left to the person. The check is never switched off.

    ## Example
    `SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt`

    ## Fix safety
    Neutral: the check of certificates stays on, and uses what this machine trusts.

    ## References
    The Python documentation, ssl, `SSLContext.load_default_certs`.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The bundle of certificates; None where there is none that is not in use yet."""
        env = situation.job.env
        told = [env[name] for name in _NAMES if Path(env.get(name, "-")).is_file()]
        bundle = next(filter(None, (*told, *(p for p in _BUNDLES if Path(p).is_file()))), None)
        if bundle is None or all(env.get(name) == bundle for name in _NAMES):
            return None
        values = dict.fromkeys(_NAMES, bundle)
        return change.variables(failure, situation, f"uses the certificates of {bundle}", values)
