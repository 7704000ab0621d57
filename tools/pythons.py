"""Print the oldest and the newest Python here that Sagewind is made for, less the one that runs this.

    .venv/bin/python tools/pythons.py

Looked at are those on PATH and those of pyenv, which it may hide from PATH.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 14)
_TELL = "import sys; print(*sys.version_info[:3], getattr(sys, '_base_executable', sys.executable))"
_NAMES = ("python3", *(f"python3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)))


def candidates() -> Iterator[Path]:
    """Yield whatever may be a Python."""
    for folder in os.get_exec_path():
        yield from (Path(folder) / name for name in _NAMES)
    if pyenv := shutil.which("pyenv"):
        root = subprocess.run([pyenv, "root"], check=True, capture_output=True, text=True).stdout.strip()
        yield from Path(root, "versions").glob("3.*/bin/python")


def version(python: Path) -> tuple[tuple[int, ...], str] | None:
    """Return a Python's version and its own path; None when it is none, or one that does not suit."""
    if not python.is_file():
        return None
    told = subprocess.run([python, "-c", _TELL], check=False, capture_output=True, text=True)
    if told.returncode != 0:
        return None
    *numbers, path = told.stdout.split(maxsplit=3)
    found = tuple(map(int, numbers))
    return (found, path.strip()) if OLDEST <= found[:2] <= NEWEST else None


def main() -> None:
    """Print one path on each line."""
    found = dict(filter(None, map(version, candidates())))
    found.pop(sys.version_info[:3], None)
    for each in sorted({min(found), max(found)} if found else ()):
        sys.stdout.write(f"{found[each]}\n")


if __name__ == "__main__":
    main()
