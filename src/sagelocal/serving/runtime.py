"""The folder that makes `sagelocal.serving` importable inside an image's environment, and no more of ours.

An image's environment does not hold this distribution; putting its own folder on PYTHONPATH would let all
of the service's packages in. So the modules are copied to a folder of their own, named by their content,
and compiled there once.
"""

from __future__ import annotations

import compileall
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path


def ensure(root: Path) -> Path:
    """Return the folder below `root` to put on a model server's PYTHONPATH; make it when it is not there."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256(sys.version.encode())
    for source in sources:
        digest.update(source.name.encode() + source.read_bytes())
    place = root / digest.hexdigest()[:16]
    if place.is_dir():
        return place
    root.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=root, prefix=".draft-"))
    try:
        package = draft / "sagelocal" / "serving"
        package.mkdir(parents=True)
        (draft / "sagelocal" / "__init__.py").write_text('"""The part of sagelocal that serves models."""\n')
        for source in sources:
            shutil.copyfile(source, package / source.name)
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
