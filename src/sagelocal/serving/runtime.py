"""The folder that makes `sagelocal.serving` and `.algorithms` importable inside an image's environment.

An image's environment does not hold this distribution; putting its own folder on PYTHONPATH would let all
of the service's packages in. So these modules are copied to a folder of their own, named by their content,
and compiled there once.
"""

from __future__ import annotations

import compileall
import functools
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

PACKAGES = ("serving", "algorithms")
SCRIPT = "model_server.py"
"""The model server as a script, for interpreters that are forked and take no module's name."""
_SCRIPT_TEXT = '''"""The model server, without PYTHONPATH: this file's folder is on the path."""

import os
import sys

sys.dont_write_bytecode = True

from sagelocal.serving import server

sys.exit(server.main(sys.argv[1:], os.environ))
'''
_OURS = Path(__file__).parents[1]


def ensure(root: Path) -> Path:
    """Return the folder below `root` to put on PYTHONPATH; make it when it is not there."""
    place = root / digest()
    if place.is_dir():
        return place
    digest.cache_clear()  # what is copied now may have another by now
    return _make(root, root / digest())


@functools.cache
def digest() -> str:
    """Return the name of what is to be copied: looked for once in a process, and before it forks."""
    found = hashlib.sha256(sys.version.encode() + _SCRIPT_TEXT.encode())
    for source in _sources():
        found.update(str(source.relative_to(_OURS)).encode() + source.read_bytes())
    return found.hexdigest()[:16]


def _sources() -> list[Path]:
    return sorted(path for name in PACKAGES for path in (_OURS / name).rglob("*.py"))


def _make(root: Path, place: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=root, prefix=".draft-"))
    try:
        package = draft / "sagelocal"
        package.mkdir()
        (package / "__init__.py").write_text('"""The part of sagelocal that runs inside images."""\n')
        (draft / SCRIPT).write_text(_SCRIPT_TEXT)
        for source in _sources():
            target = package / source.relative_to(_OURS)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        # The paths in tracebacks are the final ones.
        compileall.compile_dir(draft, quiet=2, stripdir=str(draft), prependdir=str(place))
        draft.chmod(0o755)
        try:
            os.rename(draft, place)  # noqa: PTH104  (must fail when another process was faster)
        except OSError:
            if not place.is_dir():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return place
