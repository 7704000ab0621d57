"""Sandboxes that outlived who started them: those of one folder end, and nothing else."""

import signal
import subprocess
from pathlib import Path

import pytest
from tests.integration import sandboxes

from sagelocal.container import orphans


@pytest.fixture
def started(tmp_path):
    running = []
    yield running
    orphans.end(tmp_path)  # with what runs inside, which outlives bubblewrap's first process
    for each in running:
        each.kill()
        each.wait()


def test_the_sandboxes_of_a_folder_end_and_nothing_else(tmp_path, started):
    mine, beside = tmp_path / "job", tmp_path / "job-2"
    for folder in (mine, beside):
        folder.mkdir()
    started += [sandboxes.start(mine), sandboxes.start(mine), sandboxes.start(beside)]
    started.append(subprocess.Popen(["tail", "-f", "/dev/null", str(mine / "inside")]))
    children = [_children(each.pid) for each in started[:2]]

    orphans.end(mine)

    assert [each.wait(60) for each in started[:2]] == [-signal.SIGKILL] * 2
    assert [each.poll() for each in started[2:]] == [None, None]
    assert not any(Path(f"/proc/{pid}/exe").exists() for pids in children for pid in pids)


def test_a_folder_without_sandboxes_is_left_at_once(tmp_path, caplog):
    orphans.end(tmp_path)
    assert not caplog.records


def _children(pid):
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
