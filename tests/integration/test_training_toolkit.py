"""The real training toolkit and sagelocal side by side: the same container, the same script, the same view.

sagemaker-training 5.1.4 (PyPI) runs in an environment of its own, in the same isolated `/opt/ml`.
"""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import uv

from sagelocal.container import images, isolation
from sagelocal.container.environments import Environment
from sagelocal.container.layout import Layout
from sagelocal.jobs import hosts
from sagelocal.jobs import plan as planning

TOOLKIT = "sagemaker-training==5.1.4"
SCRIPT = """
import json, os, sys
seen = {"env": dict(os.environ), "argv": sys.argv, "cwd": os.getcwd(),
        "path": sys.path[0], "files": sorted(os.listdir("/opt/ml/input/config"))}
json.dump(seen, open("/opt/ml/output/seen.json", "w"))
mode = sys.argv[-1]
if mode == "raise":
    raise ValueError("bad")
if mode == "exit7":
    sys.exit(7)
"""
SHELL = '#!/bin/sh\npython3 dump.py "$@"\n'
DIFFERENT = {
    "PYTHONPATH": "ours is the code folder; the toolkit adds its interpreter's whole path",
    "PATH": "another environment",
    "VIRTUAL_ENV": "another environment",
    "_": "set by the shell of a .sh script",
    "PWD": "where the toolkit itself was started; both scripts run in /opt/ml/code",
    "SM_NUM_NEURONS": "asked of a program that exists nowhere here",
}
"""Variables that are not compared, each with its reason."""

CASES = {
    "plain": ({"lr": "0.1", "n-estimators": "10", "mode": "ok"}, "train.py"),
    "values": ({"a": "true", "list": "[1, 2]", "map": '{"k": 1}', "text": '"x y"', "zz": "ok"}, "train.py"),
    "odd": (
        {"empty": "", "none": "null", "uni": "ñ", "float": "1e-3", "quote": "it's", "zz": "ok"},
        "train.py",
    ),
    "module": ({"zz": "ok"}, "sub/train.py"),
    "shell": ({"text": '"a b; $(echo c)"', "zz": "ok"}, "train.sh"),
    "raises": ({"zz": "raise"}, "train.py"),
    "exits": ({"zz": "exit7"}, "train.py"),
}


@pytest.fixture(scope="module")
def toolkit(tmp_path_factory):
    """Install the real toolkit."""
    root = tmp_path_factory.mktemp("toolkit") / "env"
    command = uv.find_uv_bin()
    subprocess.run([command, "-q", "venv", "--python", sys.executable, str(root)], check=True)
    python = str(root / "bin" / "python")
    subprocess.run([command, "-q", "pip", "install", "--python", python, TOOLKIT], check=True)
    return Environment(key="toolkit", root=root, made=True)


@pytest.fixture(scope="module")
def isolated():
    found = isolation.probe("auto")
    if not found.bwrap:
        pytest.skip(f"needs a private /opt/ml: {found.reason}")
    return found


def make_plan(parameters, program):
    known = {
        "sagemaker_program": json.dumps(program),
        "sagemaker_submit_directory": '"/opt/ml/code"',
        "sagemaker_container_log_level": "20",
        "sagemaker_job_name": '"job"',
        "sagemaker_region": '"us-east-1"',
    }
    body = {
        "TrainingJobName": "job",
        "TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/job",
        "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"},
        "HyperParameters": {**known, **parameters},
        "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "Environment": {"MINE": "1"},
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/x"}},
            }
        ],
    }
    return planning.training(body, region="us-east-1")


def run(root, plan, isolated, made, *, as_toolkit):
    """Run the plan's script in a container of its own; return what it saw, its end and the failure file."""
    tree = Layout(root / "ml")
    tree.make()
    tree.channel("train").mkdir()
    (tree.code / "sub").mkdir()
    for name in ("train.py", "sub/train.py", "dump.py"):
        (tree.code / name).write_text(SCRIPT)
    (tree.code / "train.sh").write_text(SHELL)
    (tree.code / "train.sh").chmod(0o755)
    host = plan.hosts[0]
    hosts.write_config(plan, host, tree)
    image = replace(images.resolve("sagemaker-scikit-learn:1.9-0-cpu-py3"), variables=())
    command = hosts.command(
        plan,
        host,
        tree,
        base=isolated.base(tree),
        image=image,
        environ={},
        made=made,
        runtime_root=root / "runtime",
    )
    if as_toolkit:
        bare = replace(plan, entrypoint=("train",))
        own = hosts.command(
            bare,
            host,
            tree,
            base=isolated.base(tree),
            image=image,
            environ={},
            made=made,
            runtime_root=root / "runtime",
        )
        command = replace(own, argv=[str(made.bin / "train")])
    lines = []
    running = hosts.start(
        command, host, plan, tree=tree, isolated=isolated, made=made, hidden=(), on_line=lines.append
    )
    end = running.wait(120)
    seen = tree.output / "seen.json"
    assert seen.exists(), "\n".join(lines)
    return json.loads(seen.read_text()), end, hosts.failure_text(tree, isolated)


def differences(ours, theirs):
    """Return what differs, variable by variable: ours, then the toolkit's."""
    pairs = {**{f"env {name}": ours["env"].get(name) for name in {*ours["env"], *theirs["env"]}}, **ours}
    other = {**{f"env {name}": theirs["env"].get(name) for name in {*ours["env"], *theirs["env"]}}, **theirs}
    return {key: (pairs[key], other[key]) for key in pairs if key != "env" and pairs[key] != other[key]}


@pytest.mark.parametrize("case", CASES)
def test_the_script_sees_and_does_the_same(tmp_path, toolkit, isolated, case):
    plan = make_plan(*CASES[case])
    theirs, their_end, their_failure = run(tmp_path / "a", plan, isolated, toolkit, as_toolkit=True)
    ours, our_end, _ = run(tmp_path / "b", plan, isolated, toolkit, as_toolkit=False)
    for seen in (theirs, ours):
        seen["env"] = {name: value for name, value in seen["env"].items() if name not in DIFFERENT}
    assert differences(ours, theirs) == {}
    # The toolkit's own exit code is 1 for every failure; what the script ended with is in its failure file.
    assert (our_end.code != 0) == (their_end.code != 0)
    if not our_end.ok:
        assert f"ExitCode {our_end.code}" in their_failure
