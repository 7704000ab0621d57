"""`python -m sagelocal.algorithms train REPOSITORY`: what the image of a built-in algorithm runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sagelocal.algorithms import training
from sagelocal.algorithms.catalog import SPECS

if TYPE_CHECKING:
    from collections.abc import Mapping


def main(argv: list[str], environ: Mapping[str, str]) -> int:
    """Train; the exit status is 0, 1 with a failure file, or 2 for a wrong command line."""
    if len(argv) != 2 or argv[0] != "train" or argv[1] not in SPECS:  # noqa: PLR2004
        sys.stderr.write(f"usage: python -m sagelocal.algorithms train {{{','.join(SPECS)}}}; got {argv}\n")
        return 2
    return training.run(argv[1], Path(environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
