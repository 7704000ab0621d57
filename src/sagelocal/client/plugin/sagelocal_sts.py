"""A plugin of botocore: calls to STS go where `AWS_ENDPOINT_URL_STS` or `AWS_ENDPOINT_URL` says.

botocore does so by itself, unless a client's endpoint is given in code; the SageMaker SDK gives it for STS
alone (`https://sts.<region>.amazonaws.com`), so that its default bucket and role are asked of the real AWS.
botocore imports this module in every process whose environment has `BOTOCORE_EXPERIMENTAL__PLUGINS`; it needs
nothing but the standard library, and changes nothing where no endpoint is set.
"""

import os
import re
from typing import Any
from urllib.parse import urlsplit, urlunsplit

AMAZONS = re.compile(r"sts(-fips)?(\.[a-z0-9-]+)?\.amazonaws\.com(\.cn)?")


def initialize_client_plugin(client: Any) -> None:
    """Redirect the client's requests when it is one of STS; botocore calls this for each new client."""
    if client.meta.service_model.service_name == "sts":
        # Before botocore signs, which it does in the same event.
        client.meta.events.register_first("request-created.sts", redirect)


def redirect(request: Any, **_: object) -> None:
    """Give the request the endpoint of the environment, in place of Amazon's."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_STS") or os.environ.get("AWS_ENDPOINT_URL")
    asked = urlsplit(request.url)
    if endpoint and AMAZONS.fullmatch(asked.hostname or ""):
        wanted = urlsplit(endpoint)
        path = wanted.path.rstrip("/") + asked.path
        request.url = urlunsplit((wanted.scheme, wanted.netloc, path, asked.query, ""))
