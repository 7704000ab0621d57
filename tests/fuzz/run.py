"""Fuzz one target, guided by the coverage of sagelocal: `python -m tests.fuzz.run TARGET SECONDS`.

Runs where atheris is installed (requirements/fuzz.txt). The corpus grows in `.fuzz/`; an input that fails is
left there as `TARGET-crash-…`, and is run again by naming it as a third argument.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import atheris

with atheris.instrument_imports(include=["sagelocal"]):
    from tests.fuzz import seeds, targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FOLDER = Path(".fuzz")


def main() -> None:
    """Read the command line, and fuzz."""
    name, seconds, *files = sys.argv[1:]
    logging.disable()
    target, given = _target(name)
    corpus = FOLDER / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(given):
        (corpus / f"seed-{number}").write_bytes(seed)
    limits = [f"-max_total_time={seconds}", "-timeout=120", "-rss_limit_mb=4096"]
    options = [*limits, f"-artifact_prefix={corpus}-"]
    atheris.Setup([sys.argv[0], *options, *(files or [str(corpus)])], target)
    atheris.Fuzz()


def _target(name: str) -> tuple[Callable[[bytes], None], Iterable[bytes]]:
    """Return a target, and the inputs to begin with."""
    if name == "wire":
        wire = targets.Wire()
        return wire, seeds.requests(wire.operations)
    known = {"archives": (targets.archives, seeds.archives()), "rows": (targets.rows, seeds.ROWS)}
    if name not in known:
        raise SystemExit(f"there is no target {name!r}; there are wire, {', '.join(known)}")
    return known[name]


if __name__ == "__main__":
    main()
