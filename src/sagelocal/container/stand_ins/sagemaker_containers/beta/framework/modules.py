"""There to be imported, as AWS's samples do; nothing is in it."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f"sagelocal stands in for sagemaker-containers without modules.{name}; scripts need no importing"
    )
