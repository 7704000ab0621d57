"""Sandboxes without an owner, as a supervisor leaves one that is killed while bubblewrap starts."""

import subprocess

import pytest

from sagelocal.container import isolation


def start(folder):
    """Start one that is bound to a path in the folder, and would run for ten minutes."""
    isolated = isolation.probe("auto")
    if not isolated.bwrap:
        pytest.skip(isolated.reason)
    inside = folder / "inside"
    inside.mkdir(exist_ok=True)
    bound = [isolated.bwrap, "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    bound += ["--bind", str(inside), "/tmp"]
    return subprocess.Popen([*bound, "sleep", "600"])
