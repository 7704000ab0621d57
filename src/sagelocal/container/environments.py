"""Environments: a Python environment for each image and each requirements.txt on top of it, made once by uv.

An environment's name is the hash of all that goes into it, so that the same input is made once and used by
every job. It is made under a lock, and its mark is written last: a process killed meanwhile leaves a folder
without a mark, which the next one makes anew; half an environment is never used.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uv

from sagelocal.container import torch_wheels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sagelocal.container.images import Image

FORMAT = "2"
"""Part of every key: changes when environments are made in another way."""
MARK = "sagelocal.json"
"""The file in an environment that says what it is; its modification time is the last use."""
STAND_INS = "stand-ins"
"""The folder in an environment with the modules that stand for toolkits."""
WORDS_KEPT = 4000
_LOCAL_LINE = re.compile(
    r"^\s*(-r|-c|-e|--requirement|--constraint|--editable|\.|file:|[\w.-]+/|\S+\.(whl|zip|tar\.gz)\b)"
    r"|@\s*file:",
    re.MULTILINE,
)


class EnvironmentMakingError(Exception):
    """uv could not make the environment; the message is uv's own words."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A ready environment: its key, its folder, and its interpreter."""

    key: str
    root: Path
    made: bool
    """Whether this call made it; false: it was there."""

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.root / "bin" / "python"

    @property
    def bin(self) -> Path:
        """The folder of its programs."""
        return self.root / "bin"


@dataclass(frozen=True, kw_only=True)
class Listed:
    """An environment on disk: what it is for, and its last use in seconds since the epoch."""

    key: str
    description: str
    used: float


class Environments:
    """The environments in one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def ensure(
        self, image: Image, requirements: str | None = None, source: Path | None = None
    ) -> Environment:
        """Return the image's environment, with `requirements` (a requirements.txt's text) on top when given.

        `source` is the folder that relative paths in the requirements are relative to.

        Raises:
            EnvironmentMakingError: uv could not; the message is what it said.

        """
        base_key = _base_key(image)
        base = self._ensure(base_key, image.uri, lambda draft: _make_base(draft, image))
        if requirements is None or not _has_content(requirements):
            return base
        local = _digest(source) if source and names_files(requirements) else ""
        key = _key(FORMAT, base_key, requirements, local)
        return self._ensure(
            key,
            f"{image.uri} with requirements",
            lambda draft: _make_layer(draft, base, requirements, source),
        )

    def warning(self, image: Image) -> str:
        """Return what is to be said before `ensure`, when that will take extraordinarily long; else empty."""
        gpu_wheels = sysconfig.get_platform() == "linux-x86_64" and not torch_wheels.chosen(os.environ)
        return image.heavy if gpu_wheels and not (self._root / _base_key(image) / MARK).exists() else ""

    def listed(self) -> list[Listed]:
        """Return all environments, the longest unused first."""
        found = []
        for mark in self._root.glob(f"*/{MARK}"):
            words = json.loads(mark.read_text())
            found.append(
                Listed(key=mark.parent.name, description=words["description"], used=mark.stat().st_mtime)
            )
        return sorted(found, key=lambda listed: listed.used)

    def prune(self, unused_since: float) -> list[str]:
        """Remove environments not used since that time (seconds since the epoch); return their keys."""
        gone = [listed.key for listed in self.listed() if listed.used < unused_since]
        for key in gone:
            with self._locked(key):
                shutil.rmtree(self._root / key, ignore_errors=True)
        return gone

    def _ensure(self, key: str, description: str, make: Callable[[Path], None]) -> Environment:
        place = self._root / key
        if self._use(place):
            return Environment(key=key, root=place, made=False)
        with self._locked(key):
            if self._use(place):
                return Environment(key=key, root=place, made=False)
            # An environment holds its own path, so it is made in its place; the mark says that it is ready.
            shutil.rmtree(place, ignore_errors=True)
            try:
                make(place)
            except BaseException:
                shutil.rmtree(place, ignore_errors=True)
                raise
            draft = place / f".{MARK}"
            draft.write_text(json.dumps({"description": description, "made": time.time()}))
            draft.replace(place / MARK)
        return Environment(key=key, root=place, made=True)

    @staticmethod
    def _use(place: Path) -> bool:
        try:
            os.utime(place / MARK)
        except FileNotFoundError:
            return False
        return True

    @contextlib.contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / f".{key}.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _base_key(image: Image) -> str:
    added = (part for each in (*image.programs, *image.stand_ins) for part in each)
    return _key(FORMAT, sys.version, _requirements(image), *added)


def _requirements(image: Image) -> str:
    locked = image.requirements
    return torch_wheels.loosened(locked) if torch_wheels.chosen(os.environ) else locked


def _make_base(place: Path, image: Image) -> None:
    _uv("venv", "--python", sys.executable, str(place))
    listing, python = place / "requirements.txt", place / "bin" / "python"
    wanted = _requirements(image)
    listing.write_text(wanted)
    strict = ["--require-hashes"] if wanted == image.requirements else []
    _uv("pip", "install", "--python", str(python), *strict, "-r", str(listing))
    for name, text in image.programs:
        program = place / "bin" / name
        program.write_text(f"#!{python}\n{text}")
        program.chmod(0o755)
    _put_stand_ins(place, image.stand_ins)
    added = (name.removesuffix(".py").removesuffix("/__init__") for name, _ in image.stand_ins)
    _warm(place, (*image.warm, *(name.replace("/", ".") for name in added)))


def _put_stand_ins(place: Path, modules: tuple[tuple[str, str], ...]) -> None:
    """Write the modules to a folder that comes last on the interpreter's path, behind any real package.

    The folder is named from where the line is, so that it holds in the layers, which are copies.
    """
    for name, text in modules:
        target = place / STAND_INS / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    for site in place.glob("lib/python*/site-packages") if modules else ():
        (site / f"sagelocal-{STAND_INS}.pth").write_text(f"{os.path.relpath(place / STAND_INS, site)}\n")


_IMPORT_ALL = """
import contextlib, importlib, sys
sys.dont_write_bytecode = False
for name in sys.argv[1:]:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
"""


def _warm(place: Path, modules: tuple[str, ...]) -> None:
    """Let the interpreter compile what jobs import, which cannot write bytecode themselves.

    Compiling all 400 MB takes six times as long as the modules that are really used.
    """
    subprocess.run(
        [str(place / "bin" / "python"), "-W", "ignore", "-c", _IMPORT_ALL, *modules],
        check=False,  # a module that fails to import fails in the job, with its own words
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _make_layer(place: Path, base: Environment, requirements: str, source: Path | None) -> None:
    """Copy the base by hard links and install on top, as `pip install` does in the image."""
    shutil.copytree(base.root, place, symlinks=True, copy_function=_link, ignore=shutil.ignore_patterns(MARK))
    _readdress(place, base.root)
    # Beside the user's own, for the files that it may name.
    listing = (source or place) / f".requirements.{os.getpid()}.txt"
    listing.write_text(requirements)
    try:
        _uv("pip", "install", "--python", str(place / "bin" / "python"), "-r", str(listing), cwd=source)
    finally:
        listing.unlink()


def _link(source: str, target: str) -> None:
    """Share a file between environments; where the file system cannot, copy it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _readdress(place: Path, base: Path) -> None:
    """Give the copied programs of `bin` their new path; hard links are broken, the base stays as it is."""
    old, new = str(base).encode(), str(place).encode()
    for program in (place / "bin").iterdir():
        if program.is_symlink() or not program.is_file():
            continue
        content = program.read_bytes()
        if old in content:
            mode = program.stat().st_mode
            program.unlink()
            program.write_bytes(content.replace(old, new))
            program.chmod(mode)


def _uv(*arguments: str, cwd: Path | None = None) -> None:
    # --no-config: a uv.toml or pyproject.toml near the job's folder is not the job's.
    command = [uv.find_uv_bin(), "--quiet", *arguments]
    done = subprocess.run(
        command, cwd=cwd, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()
        raise EnvironmentMakingError(words[-WORDS_KEPT:] or f"uv ended with exit code {done.returncode}")


def names_files(requirements: str) -> bool:
    """Tell whether a requirements.txt may name files beside it: what they hold counts as well as the text."""
    return _LOCAL_LINE.search(requirements) is not None


def _has_content(requirements: str) -> bool:
    return any(line.strip() and not line.strip().startswith("#") for line in requirements.splitlines())


def _key(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in (*parts, sysconfig.get_platform()):
        digest.update(len(part).to_bytes(8, "big") + part.encode())
    return digest.hexdigest()[:20]


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(folder)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
