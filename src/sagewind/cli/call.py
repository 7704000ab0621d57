"""What every subcommand is given: the home it is about, its arguments, and the environment it runs in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from sagewind.stack.home import Home


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of the command line."""

    home: Home
    arguments: argparse.Namespace
    environ: Mapping[str, str]
