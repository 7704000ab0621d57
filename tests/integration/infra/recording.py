"""Every call that botocore makes in a process and its children, written down: service, operation, parameters.

`botocore.register_initializer` gives each new session, aiobotocore's too, a handler that only looks. It gets
into the processes by `sitecustomize`, which Python imports from PYTHONPATH when it starts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "SAGEWIND_RECORDED_CALLS"

_CUSTOMIZE = f"""
import importlib.util, json, os

def _look(params, model, **_):
    shown = {{key: value for key, value in params.items() if key not in ("Body", "MetricData", "logEvents")}}
    told = {{"service": model.service_model.service_id.hyphenize(), "operation": model.name, "params": shown}}
    line = (json.dumps(told, default=str) + "\\n").encode()
    descriptor = os.open(os.environ["{VARIABLE}"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line)
    os.close(descriptor)

if os.environ.get("{VARIABLE}") and importlib.util.find_spec("botocore"):
    import botocore
    botocore.register_initializer(lambda session: session.register("provide-client-params", _look))
"""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of AWS's API."""

    service: str
    """As in botocore's names of events: `sagemaker`, `s3`, `cloudwatch`."""
    operation: str
    params: dict[str, Any] = field(default_factory=dict)


def environment(file: Path) -> dict[str, str]:
    """Return what a process needs so that its calls are written to the file."""
    (file.parent / "sitecustomize.py").write_text(_CUSTOMIZE)
    return {"PYTHONPATH": str(file.parent), VARIABLE: str(file)}


def read(file: Path) -> list[Call]:
    """Return the calls in that file, in order."""
    return [Call(**json.loads(line)) for line in file.read_text().splitlines()]
