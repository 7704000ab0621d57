"""`sagewind up`: start the stack and keep it until Ctrl-C."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from sagewind.stack import environment, launch
from sagewind.stack import home as homes

if TYPE_CHECKING:
    import argparse

    from sagewind.cli.call import Call
    from sagewind.stack.home import Home, Memory


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser("up", help="start Airflow, sagelocal and the AWS emulator, until Ctrl-C")
    celery(parser)
    parser.set_defaults(run=run)


def celery(parser: argparse.ArgumentParser) -> None:
    """Declare the choice of the executor."""
    parser.add_argument(
        "--celery",
        dest="executor",
        action="store_const",
        const=homes.Executor.CELERY,
        default=homes.Executor.LOCAL,
        help="run tasks by a Celery worker over Redis, as a distributed Airflow does",
    )


def run(call: Call) -> int:
    """Start, print addresses and login, wait; the exit code says whether it was ended on purpose."""
    executor = call.arguments.executor
    with launch.start(call.home, call.environ, say=say, executor=executor) as stack:
        sys.stdout.write(greeting(call.home, stack.memory))
        sys.stdout.flush()
        try:
            code = stack.supervisord.wait()
        except KeyboardInterrupt:
            say(launch.STOP)
            raise
    return 0 if code == 0 else 1


def say(what: str) -> None:
    """Tell what the start, or the stop, waits for."""
    sys.stdout.write(f"waiting for {what} ...\n")
    sys.stdout.flush()


def greeting(home: Home, memory: Memory) -> str:
    """Tell where the stack is, how to log in, and how to reach it with boto3."""
    exports = "".join(f"  export {name}={value}\n" for name, value in environment.aws(memory).items())
    return (
        f"\nAirflow    {memory.address('airflow')}   user {homes.USER}   password {memory.password}\n"
        f"SageMaker  {memory.address('sagelocal')}   (sagelocal)\n"
        f"AWS        {memory.address('emulator')}   (emulator: S3, IAM, STS, CloudWatch ...)\n"
        f"logs       {home.logs}\n"
        f"\nFor boto3 and the AWS CLI in another terminal:\n{exports}"
        "\nCtrl-C stops it all.\n"
    )
