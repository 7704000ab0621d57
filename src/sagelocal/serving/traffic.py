"""What an endpoint's traffic goes to, as values: variants, their instances, their containers' sockets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SERIAL, DIRECT, MULTI = "Serial", "Direct", "MultiModel"
"""How a variant answers: all containers in turn, the one that the client names, or one model of many."""


@dataclass(frozen=True, kw_only=True)
class Instance:
    """An instance: its folder, and the sockets of its containers in their order."""

    root: Path
    sockets: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A production variant of one fleet; while one fleet replaces another, both may have it."""

    name: str
    weight: float
    """Its part of the traffic, relative to the others'."""
    instances: tuple[Instance, ...]
    containers: tuple[str, ...] = ("primary",)
    """The containers' names, as errors tell them."""
    mode: str = SERIAL
    max_concurrency: int = 0
    """Of a serverless variant: requests at the same time. 0: the variant is not serverless."""


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """All that an endpoint's requests need."""

    variants: tuple[Variant, ...]
    capture: Mapping[str, Any] | None = None
    """The DataCaptureConfig, when it is enabled."""
    asynchronous: Mapping[str, Any] | None = None
    """The AsyncInferenceConfig of an asynchronous endpoint."""
