"""What a job sees where bubblewrap works: its own `/tmp`, and of the machine's what its environment needs."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import uv

from sagelocal.container import isolation, process

SEES = """
import json, os, sys
import led_to
def writes(path):
    try:
        open(path, "w").close()
    except OSError:
        return False
    return True
print(json.dumps({
    "imported": led_to.WORD,
    "tmp": sorted(os.listdir("/tmp")),
    "beside": os.path.exists(sys.argv[1]),
    "state": os.listdir(sys.argv[2]),
    "writes": [writes(each) for each in ("/tmp/x", sys.argv[3], "/opt/ml/x")],
}))
"""


@pytest.fixture
def home():
    """Give a folder below `/tmp`, as that of a user who cloned there."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="clone-") as folder:
        yield Path(folder)


def test_what_lies_below_tmp_is_had_where_the_job_needs_it_and_nowhere_else(home):
    isolated = isolation.probe("auto")
    if not isolated.bwrap:
        pytest.skip(isolated.reason)
    environment, source, state = home / "cache" / "env", home / "src", home / "src" / "state"
    subprocess.run([uv.find_uv_bin(), "-q", "venv", "--python", sys.executable, str(environment)], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "_editable.pth").write_text(f"{source}\nimport sys\n")
    for folder in (state, home / "ml" / "code"):
        folder.mkdir(parents=True)
    (source / "led_to.py").write_text("WORD = 'found'\n")
    (state / "secret").touch()
    (home / "other").touch()
    (home / "ml" / "code" / "t.py").write_text(SEES)
    (home / "hosts").write_text(isolation.hosts_text({}))
    lines = []
    running = process.start(
        [
            *(str(environment / "bin" / "python"), "/opt/ml/code/t.py"),
            *(str(home / "other"), str(state), str(source / "led_to.py")),
        ],
        env={"PATH": "/usr/bin:/bin"},
        cwd="/opt/ml/code",
        isolation=isolated,
        view=isolation.View(
            ml=home / "ml",
            scratch=home / "scratch",
            hosts_file=home / "hosts",
            hostname="algo-1",
            environment=environment,
            hidden=(state,),
        ),
        on_line=lines.append,
    )
    end = running.wait()
    assert end is not None
    assert end.ok, lines
    assert json.loads(lines[-1]) == {
        "imported": "found",
        "tmp": [home.name],
        "beside": False,
        "state": [],
        "writes": [True, False, True],
    }
