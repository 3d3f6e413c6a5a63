"""A connection that is not trusted."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TEXT = re.compile(
    r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSLCertVerificationError|self[- ]signed certificate"
    r"|Could not find a suitable TLS CA certificate bundle|server certificate verification failed"
    r"|SSL certificate problem|ProxyError|Cannot connect to proxy|Tunnel connection failed"
    r"|certificate has expired|unable to get local issuer certificate"
)


class Failure:
    """The certificate of a server, or a proxy on the way to it, was not accepted.

    ## What it does
    Recognises what ssl, requests, httpx, curl and git say of certificates and proxies.

    ## Known problems
    The texts differ from version to version; one that is not known stays unknown.

    ## Example
    `ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed`

    ## References
    The Python documentation, ssl, "Certificates".
    """

    order = 32

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with what was said."""
        found = said(evidence, _TEXT, printed=True)
        if found is None:
            return None
        return run.Failure(
            "certificate",
            "the certificate of a server was not accepted, or the proxy turned the connection down",
            {
                **found.facts,
                "advice": "name the certificates of your network by SSL_CERT_FILE and REQUESTS_CA_BUNDLE, or correct HTTPS_PROXY; never switch the check off",
            },
        )
