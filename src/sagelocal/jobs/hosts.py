"""The machines of a training job's cluster, each a container of its own on this machine."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagelocal.container import environment, isolation, process, sight, toolkits
from sagelocal.container.layout import Layout
from sagelocal.jobs import access, source
from sagelocal.serving import runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sagelocal.container.environments import Environment
    from sagelocal.container.images import Image
    from sagelocal.container.isolation import Isolation
    from sagelocal.jobs.plan import Host, TrainingPlan

FAILURE_BYTES = 4096


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a container runs, and with which variables."""

    argv: list[str]
    variables: dict[str, str]
    is_script: bool
    """Whether the training toolkit's rules apply: a script of the user's, not a command of the image's."""
    visible: tuple[Path, ...] = ()
    """Folders of ours that it must be able to read."""


def layout(folder: Path, plan: TrainingPlan, host: Host) -> Layout:
    """Return a host's tree below the job folder: the first one's is `ml`."""
    return Layout(folder / "ml" if host is plan.hosts[0] else folder / host.name / "ml")


def write_config(plan: TrainingPlan, host: Host, tree: Layout) -> None:
    """Write the files of `/opt/ml/input/config`."""
    for name, content in plan.config_files(host).items():
        (tree.config / name).write_text(json.dumps(content))


def command(
    plan: TrainingPlan,
    host: Host,
    tree: Layout,
    *,
    base: Layout,
    image: Image,
    environ: Mapping[str, str],
    made: Environment,
    runtime_root: Path,
) -> Command:
    """Return what the host's container runs; `tree` is here, `base` as the container sees it.

    Modules of ours that it needs are kept below `runtime_root`.

    Raises:
        environment.EntryPointError: the request names no script that can be run.

    """
    own = {
        **dict(image.variables),
        "PATH": f"{made.bin}:{access.SYSTEM_PATH}",
        "HOME": "/tmp",  # noqa: S108  (the container's own)
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "VIRTUAL_ENV": str(made.root),
        **environ,
        **plan.variables,
    }
    if plan.entrypoint:
        return Command(
            argv=[base.relocated(part) for part in plan.entrypoint], variables=own, is_script=False
        )
    toolkits.check(image, plan.hyperparameters, len(plan.hosts))
    given = toolkits.hyperparameters(image, plan.hyperparameters, plan.name)
    facts = environment.Facts(
        base=base,
        hyperparameters=given,
        resource_config=plan.resource_config(host),
        input_data_config=plan.input_data_config(host),
        variables=own,
        cpus=os.cpu_count() or 1,
    )
    if image.algorithm and environment.program(facts) is None:
        return _algorithm(image, base, own, made, runtime.ensure(runtime_root))
    args = environment.arguments(environment.user_parameters(environment.decode(given)))
    script = environment.program(facts) or ""
    argv = environment.command(str(made.python), script, args, is_package=source.is_package(tree.code))
    added = environment.variables(facts) | toolkits.variables(image, facts)
    return Command(argv=argv, variables=own | added, is_script=True)


def _algorithm(image: Image, base: Layout, own: dict[str, str], made: Environment, modules: Path) -> Command:
    return Command(
        argv=[str(made.python), "-m", "sagelocal.algorithms", "train", image.repository],
        variables=own | {"PYTHONPATH": str(modules), "SAGEMAKER_BASE_DIR": str(base.root)},
        is_script=False,
        visible=(modules,),
    )


def start(
    what: Command,
    host: Host,
    plan: TrainingPlan,
    *,
    tree: Layout,
    isolated: Isolation,
    made: Environment,
    hidden: tuple[Path, ...],
    on_line: Callable[[str], None],
    network: bool = True,
    preloaded: process.Preloaded | None = None,
    limits: Mapping[str, int] | None = None,
) -> process.Process:
    """Start the host's container; call it on the supervisor's main thread."""
    root = tree.root.parent
    names = root / "hosts"
    names.write_text(isolation.hosts_text({each.name: each.address for each in plan.hosts}))
    view = isolation.View(
        ml=tree.root,
        scratch=tree.scratch,
        hosts_file=names,
        hostname=host.name,
        environment=made.root,
        visible=(*interpreter_folders(made.python), *what.visible),
        network=network,
        hidden=hidden,
    )
    base = isolated.base(tree)
    cwd = str(base.code) if what.is_script else str(base.root)
    return process.start(
        what.argv,
        env=what.variables,
        cwd=cwd,
        isolation=isolated,
        view=view,
        on_line=on_line,
        preloaded=preloaded,
        limits=limits,
    )


def interpreter_folders(python: Path) -> tuple[Path, ...]:
    """Return the folder of the interpreter behind an environment's own: it must not be hidden."""
    folder = isolation.interpreter_folder(python)
    return () if folder is None else (folder,)


def failure_text(tree: Layout, isolated: Isolation) -> str:
    """Return what the container wrote to `/opt/ml/output/failure`."""
    return sight.of(isolated, tree).head(tree.failure, FAILURE_BYTES).decode("utf-8", "replace")
