"""The emulator's Python environment: made by uv from the hash-locked list that ships with this package.

An environment is a folder named by the hash of what went into it (the list and the interpreter), so a new
list makes a new one and an old one is never altered. It is built beside its final place and renamed, under a
lock: it is there whole or not at all, however many ask for it at the same time.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import uv

LOCKED = Path(__file__).parents[1] / "requirements" / "emulator.txt"


class EnvironmentMakingError(RuntimeError):
    """uv could not make the environment; the message has uv's own words."""


def key(requirements: bytes, interpreter: str) -> str:
    """Name the environment that these requirements make with this interpreter."""
    return hashlib.sha256(requirements + b"\0" + interpreter.encode()).hexdigest()[:20]


def ensure(cache: Path, locked: Path = LOCKED) -> Path:
    """Return the Python of the environment of a lock file below `cache`, made first when it is not there.

    Raises:
        EnvironmentMakingError: uv failed; nothing is left behind.

    """
    folder = cache / key(
        locked.read_bytes(), f"{sys.version_info.major}.{sys.version_info.minor} {sys.base_prefix}"
    )
    python = folder / "bin" / "python"
    if python.exists():
        return python
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not python.exists():
            _make(folder, locked)
    return python


def _make(folder: Path, locked: Path) -> None:
    # The launchers in bin/ hold absolute paths and are not used: only `python -m` and `python file` are.
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        _uv("venv", "--no-project", "--python", sys.executable, str(unfinished))
        python = str(unfinished / "bin" / "python")
        _uv("pip", "install", "--python", python, "--require-hashes", "--compile-bytecode", "-r", str(locked))
        shutil.rmtree(folder, ignore_errors=True)  # what is there has lost its Python
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _uv(*arguments: str) -> None:
    done = subprocess.run(
        [uv.find_uv_bin(), *arguments, "--quiet"], capture_output=True, text=True, check=False, cwd=Path("/")
    )
    if done.returncode:
        raise EnvironmentMakingError(
            f"uv {' '.join(arguments[:2])} ended with {done.returncode}:\n{done.stderr.strip()}"
        )
