"""Keeping secrets out of logs, XCom and rendered templates.

Every value of an `Environment` counts as secret but for the settings of SageMaker's own toolkits; of
hyperparameters and a pipeline's parameters, those whose name or value looks like one. In a request or a
description they are hidden where they stand and in text; names, ARNs, addresses and settings are what the
next task works with, and stay whole. Signatures of presigned URLs are cut from any string.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MASK = "***"
_BETWEEN_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+")
_SECRET_NAME = re.compile(
    r"passw|credential|secrets?_|_secret_?key|_(?:private|o?auth|authorization)_|(?:api|access)_?key"
    r"|(?<!_(?:pad|eos|bos|unk|sep|cls)_)(?<!_mask_)token(?:_?\d+|_value)?_$"
)
"""In a name of the form `_hf_token_`. Of tokens the last word tells: `token_length` is about a tokenizer's,
and `pad_token` is one of those."""

_VALUE = re.compile(
    r"^(AKIA|ASIA)[A-Z0-9]{16}$|^gh[pousr]_\w{20,}|^xox[abp]-|^eyJ[\w-]+\.[\w-]+\.|://[^/\s:@]+:[^/\s@]+@"
)
_SIGNED = re.compile(
    r"((?:X-Amz-(?:Signature|Credential|Security-Token)|Signature|AWSAccessKeyId|sig)=)([^&\s\"']+)"
)
_HARMLESS = re.compile(r"^(SAGEMAKER|SM|MMS|TS|OMP|MKL)_")
_SHORTEST = 4
"""A secret shorter than this would mask half of every line."""

_ORDINARY = re.compile(r"^(.{0,7}|[\d.+-]+|(s3|https?|arn):.*)$")
"""Values of an environment that are hidden where they stand, and not wherever else they occur."""

_ADDRESS = re.compile(r"^(s3|https?|arn):")
_TEXT_KEY = re.compile(r"(Reason|Message|Description|Arguments|Entrypoint)$")
_MAPS = frozenset({"Environment", "HyperParameters", "StaticHyperParameters", "pipeline_params"})


def secrets(value: Any) -> frozenset[str]:
    """Return every secret value in a request or a description."""
    return frozenset(text for text in _secrets(value) if len(text) >= _SHORTEST)


def masked(value: Any) -> Any:
    """Return a copy of a request or a description, with `***` for secrets where they stand and in text."""
    return _masked(value, secrets(value))


def masked_text(text: str, hidden: Iterable[str] = ()) -> str:
    """Return `text` without `hidden` and without the signatures of presigned URLs."""
    for secret in sorted(hidden, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return _SIGNED.sub(rf"\1{MASK}", text)


def _secrets(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if key in _MAPS and isinstance(inner, str) and _is_secret_anywhere(key, name, inner):
                yield inner.strip('"')  # the SDK writes a hyperparameter as JSON; the script sees the word
            yield from _secrets(inner, name)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _secrets(inner, key)
    elif isinstance(value, str):
        yield from (found[2] for found in _SIGNED.finditer(value))


def _is_secret(kind: str, name: str, value: str) -> bool:
    return _looks_secret(name, value) or (kind == "Environment" and not _HARMLESS.match(name))


def _is_secret_anywhere(kind: str, name: str, value: str) -> bool:
    return _looks_secret(name, value) or (_is_secret(kind, name, value) and not _ORDINARY.match(value))


def _looks_secret(name: str, value: str) -> bool:
    words = f"_{_BETWEEN_WORDS.sub('_', name).lower()}_"
    return bool(_SECRET_NAME.search(words) or _VALUE.search(value))


def _is_text(key: str, value: str) -> bool:
    """Tell whether somebody is to read a string; else it is a name, an address or a setting."""
    if _TEXT_KEY.search(key):
        return True
    return " " in value and not key.endswith("Name") and not _ADDRESS.match(value)


def _masked(value: Any, hidden: frozenset[str], key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _entry(name, inner, hidden, key) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner, hidden, key) for inner in value]
    if isinstance(value, str):
        return masked_text(value, hidden if _is_text(key, value) else ())
    return value


def _entry(name: str, value: Any, hidden: frozenset[str], key: str) -> Any:
    if key in _MAPS and isinstance(value, str) and _is_secret(key, name, value):
        return MASK
    return _masked(value, hidden, name)


def plain(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description as JSON for XCom: times in ISO 8601, no transport metadata, no secrets."""
    kept = {key: _plain(value) for key, value in mapping.items() if key != "ResponseMetadata"}
    result: dict[str, Any] = masked(kept)
    return result


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
