"""The peers' environments: each made by uv of its locked requirements, once, in the user's cache."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import uv

ROOT = Path(__file__).parents[1]
REQUIREMENTS = Path(__file__).parent / "requirements"


class MissingPeerError(RuntimeError):
    """A peer's environment cannot be made; the message has uv's words."""


def ensure(name: str) -> Path:
    """Return the interpreter of a peer's environment, making it when it is not there.

    Raises:
        MissingPeerError: uv cannot install the requirements.

    """
    lock = REQUIREMENTS / f"{name}.txt"
    key = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = _cache() / f"{name}-{key}"
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python
    _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
    options = ("--quiet", "--require-hashes", "--compile-bytecode")
    _uv("pip", "sync", *options, "--python", str(python), str(lock))
    (folder / "ready").touch()
    return python


def scratch() -> Path:
    """Return a new folder for the files of a run."""
    folder = Path(tempfile.mkdtemp(prefix="sagewind-bench-"))
    folder.chmod(0o755)  # nginx, started by root, works as another user
    return folder


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sagewind-benchmarks"


def _uv(*arguments: str) -> None:
    done = subprocess.run([uv.find_uv_bin(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingPeerError(f"uv {' '.join(arguments[:2])}: {done.stderr.strip()[-1500:]}")
