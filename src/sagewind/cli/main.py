"""`sagewind <command>`: the arguments, and which module carries each command out."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sagewind.cli import (
    airflow,
    cost,
    demo,
    doctor,
    down,
    init,
    lint,
    once,
    plan,
    rollback,
    status,
    timeline,
    up,
)
from sagewind.cli.call import Call
from sagewind.errors import SagewindError
from sagewind.stack import launch
from sagewind.stack.home import Home

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (up, demo, down, status, init, once, plan, doctor, rollback, timeline, cost, lint, airflow)
_INTERRUPTED = 130  # as a shell reports a program that Ctrl-C ended
_UNREAD = 141  # and one whose reader has gone: `sagewind plan iris | head`


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    chosen = parser().parse_args(arguments)
    project = chosen.project.absolute()
    home = Home(root=(chosen.home or project / ".sagewind").absolute(), project=project)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        code: int = chosen.run(Call(home=home, arguments=chosen, environ=os.environ))
    except KeyboardInterrupt:
        return _INTERRUPTED
    except SagewindError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is flushed at the end
        return _UNREAD
    except OSError as error:
        if not error.filename:
            raise
        sys.stderr.write(f"{error.filename}: {error.strerror}\n")
        return 1
    except _aws_errors() as error:
        sys.stderr.write(f"AWS: {error}\n{_whose(home)}")
        return 1
    return code


def _aws_errors() -> tuple[type[Exception], ...]:
    """Return the errors of an AWS client; a command that has loaded none cannot have raised one."""
    loaded = sys.modules.get("botocore.exceptions")
    return (loaded.BotoCoreError, loaded.ClientError) if loaded else ()


def _whose(home: Home) -> str:
    """Say who was asked: a stranger may think of the stack, which does not run."""
    if not launch.is_free(home):
        return ""
    return (
        f"no stack runs in {home.root}, so AWS itself was asked: "
        "start one (sagewind up), or set credentials and AWS_DEFAULT_REGION\n"
    )


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    whole = argparse.ArgumentParser(
        prog="sagewind", description="MLOps on Airflow and SageMaker, whole on this machine or on AWS."
    )
    whole.add_argument(
        "--project", type=Path, default=Path(), help="the folder with dags/ and plugins/ (this one)"
    )
    whole.add_argument("--home", type=Path, default=None, help="where the stack lives (.sagewind/ in it)")
    commands = whole.add_subparsers(required=True, metavar="command")
    for command in COMMANDS:
        command.add(commands)
    return whole
