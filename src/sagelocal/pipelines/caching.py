"""When a step need not run again: its cache configuration, and what makes two runs the same. Pure.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-caching.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-default-keys.html
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_UNITS = {"Y": 365 * 86400, "M": 30 * 86400, "W": 7 * 86400, "D": 86400}
_TIME_UNITS = {"H": 3600, "M": 60, "S": 1}
_DURATION = re.compile(r"P?((?:\d{1,9}[YMWD])*)(?:T((?:\d{1,9}[HMS])+))?")


class CacheError(ValueError):
    """A cache configuration that is none; the message says which value, and what is allowed."""


def parse(config: Any) -> float | None:
    """Return how old a run may be, in seconds, to be taken for the step's; None when caching is off.

    Raises:
        CacheError: the configuration is none.

    """
    if not isinstance(config, dict) or not isinstance(config.get("Enabled", False), bool):
        raise CacheError(f"CacheConfig is {config!r}; an object with Enabled and ExpireAfter is needed")
    if not config.get("Enabled", False):
        return None
    return duration(config.get("ExpireAfter"))


def duration(text: Any) -> float:
    """Return an ISO 8601 duration in seconds; a year has 365 days and a month 30.

    Raises:
        CacheError: it is none.

    """
    found = _DURATION.fullmatch(text.upper()) if isinstance(text, str) else None
    if found is None or not (found[1] or found[2]):
        raise CacheError(f"ExpireAfter is {text!r}; a duration as P30D or PT1H is needed")
    dates = re.findall(r"(\d+)([A-Z])", found[1])
    times = re.findall(r"(\d+)([A-Z])", found[2] or "")
    return float(
        sum(int(number) * _UNITS[unit] for number, unit in dates)
        + sum(int(number) * _TIME_UNITS[unit] for number, unit in times)
    )


def signature(step_type: str, attributes: Iterable[str], request: Mapping[str, Any]) -> str:
    """Return what is the same for two runs of a step exactly when they are to be taken for one."""
    kept = {name: _pick(request, name.split(".")) for name in attributes}
    text = json.dumps([step_type, kept], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _pick(request: Mapping[str, Any], path: list[str]) -> Any:
    value: Any = request
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value
