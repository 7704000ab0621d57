"""One of Airflow's programs: `python -m sagewind.stack.component scheduler <argument>...`.

It ends when its parent does, and looks seldom for cyclic garbage. Airflow makes a million objects while it
starts, and keeps them; by Python's own measure they are all looked through a dozen times meanwhile, and
the API server later stands still for most of a second each time that they are again.
"""

from __future__ import annotations

import gc
import runpy
import sys

from sagewind.stack import tether

THRESHOLDS = (50_000, 10, 10)
"""For `gc.set_threshold`: after how many new objects the youngest are looked through; Python's own is 700."""


def main() -> None:
    """Run `airflow` with the arguments in argv."""
    tether.die_with_parent()
    gc.set_threshold(*THRESHOLDS)
    sys.argv[0] = "airflow"
    runpy.run_module("airflow", run_name="__main__")


if __name__ == "__main__":
    main()
