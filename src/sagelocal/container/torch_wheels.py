"""PyTorch's wheels as uv's own variable `UV_TORCH_BACKEND` chooses them. Pure.

The locks hold the package registry's wheels, which on Linux for x86-64 need the GPU's libraries. Where the
variable names another backend (`cpu`, `auto`, ...), uv takes `torch` and its companions from PyTorch's own
index, whose files have other hashes and need other libraries or none: these lines are loosened, all others
stay exact and verified.
https://docs.astral.sh/uv/guides/integration/pytorch/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

BACKEND = "UV_TORCH_BACKEND"
_BLOCK = re.compile(r"^\S.*(?:\n[ \t].*)*", re.MULTILINE)
_FROM_BACKEND = re.compile(r"torch(vision|audio)?==")
_FOR_GPU = re.compile(r"(nvidia-|cuda-|triton==)")


def chosen(environ: Mapping[str, str]) -> bool:
    """Tell whether uv takes PyTorch from elsewhere than the package registry."""
    return bool(environ.get(BACKEND))


def loosened(lock: str) -> str:
    """Return a lock without the hashes of PyTorch's wheels and without the GPU's libraries.

    A lock without PyTorch is returned as it is.
    """
    if not re.search(r"^torch==", lock, re.MULTILINE):
        return lock
    kept = [block for block in _BLOCK.findall(lock) if not _FOR_GPU.match(block)]
    lines = [
        block.split("\n", 1)[0].removesuffix("\\").rstrip() if _FROM_BACKEND.match(block) else block
        for block in kept
    ]
    return "\n".join([*lines, ""])
