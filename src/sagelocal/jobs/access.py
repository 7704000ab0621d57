"""Which variables of the supervisor a container gets, and which of the machine's folders are empty for it.

The user's code is not the service: it gets the addresses of AWS's services, the service's own among them, so
that boto3 works in a script, and credentials that stand for its role, never the service's own.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PASSED = (
    *("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("LANG", "LC_ALL", "TZ"),
)
_PASSED_PREFIXES = ("AWS_ENDPOINT_URL", "PIP_", "UV_")
"""Addresses of AWS, and where packages come from: a script may call pip."""
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """Return those of the supervisor's variables that a job sees too."""
    return {
        name: value for name, value in environ.items() if name in _PASSED or name.startswith(_PASSED_PREFIXES)
    }


def role_credentials(role_arn: str, job_arn: str) -> dict[str, str]:
    """Return temporary credentials in the job's name, for an emulator of AWS: real in form, valid nowhere."""
    seed = hashlib.sha256(f"{role_arn} {job_arn}".encode()).hexdigest()
    return {
        "AWS_ACCESS_KEY_ID": f"ASIA{seed[:16].upper()}",
        "AWS_SECRET_ACCESS_KEY": seed[16:56],
        "AWS_SESSION_TOKEN": f"sagelocal-{seed}",
    }


def variables(environ: Mapping[str, str], *, role_arn: str, job_arn: str) -> dict[str, str]:
    """Return all that a job's container gets of this; no credentials unless AWS is an emulator here."""
    passed = passed_on(environ)
    emulated = any(name.startswith("AWS_ENDPOINT_URL") for name in passed)
    return passed | (role_credentials(role_arn, job_arn) if emulated else {})


def hidden(data_dir: Path) -> tuple[Path, ...]:
    """Return the folders that no container sees into: the service's state, other jobs' data, credentials."""
    return (data_dir, Path.home() / ".aws")
