"""The environment variables that point boto3, the SageMaker SDK and Airflow at a local service.

botocore reads `AWS_ENDPOINT_URL` and its forms per service; boto3, aiobotocore and with them Airflow's Amazon
provider and both generations of the SDK follow. The one call that does not is the SDK's to STS, which names
its endpoint in code: a plugin of botocore (`plugin/sagelocal_sts.py`) leads it to where the variables say.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from sagelocal.emulator import account

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.client.addresses import Addresses

SAGEMAKER = (
    *("SAGEMAKER", "SAGEMAKER_RUNTIME", "SAGEMAKER_METRICS", "SAGEMAKER_FEATURESTORE_RUNTIME"),
    "APPLICATION_AUTO_SCALING",
)
"""The services that sagelocal speaks, as the AWS SDKs spell them in variables."""
PLUGIN = "sagelocal_sts"
PLUGIN_FOLDER = Path(__file__).parent / "plugin"
_PLUGINS = "BOTOCORE_EXPERIMENTAL__PLUGINS"
_RETRIES = {"mode": "standard", "total_max_attempts": 30}
"""boto's own are too few for a deferred wait of hours."""


def build(addresses: Addresses, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what to add to `environ`; lists in it (`PYTHONPATH`, botocore's plugins) are added to, once."""
    return {
        "AWS_ENDPOINT_URL": addresses.aws,
        **{f"AWS_ENDPOINT_URL_{service}": addresses.sagelocal for service in SAGEMAKER},
        "AWS_ACCESS_KEY_ID": account.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": account.SECRET_KEY,
        "AWS_DEFAULT_REGION": addresses.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AIRFLOW_CONN_AWS_DEFAULT": _connection(addresses.region),
        _PLUGINS: _with(environ.get(_PLUGINS, ""), ",", f"{PLUGIN}={PLUGIN}"),
        "PYTHONPATH": _with(environ.get("PYTHONPATH", ""), os.pathsep, str(PLUGIN_FOLDER)),
    }


def _connection(region: str) -> str:
    extra = {"region_name": region, "config_kwargs": {"retries": _RETRIES}}
    keys = {"login": account.ACCESS_KEY, "password": account.SECRET_KEY}
    return json.dumps({"conn_type": "aws", **keys, "extra": extra})


def _with(listing: str, separator: str, entry: str) -> str:
    entries = [each for each in listing.split(separator) if each]
    return separator.join(entries if entry in entries else [*entries, entry])
