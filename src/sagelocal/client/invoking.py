"""`sagelocal invoke`: send one request to an endpoint and print the answer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelocal.client import connection

if TYPE_CHECKING:
    import argparse

    from sagelocal.settings import Settings

    Subparsers = argparse._SubParsersAction[Any]  # noqa: SLF001  (argparse has no public name for it)

_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".npy": "application/x-npy",
    ".libsvm": "text/libsvm",
}
"""What a file's name tells of its content."""


def add(commands: Subparsers) -> argparse.ArgumentParser:
    """Declare the subcommand's arguments; return its parser."""
    parser: argparse.ArgumentParser = commands.add_parser("invoke", help="send a request to an endpoint")
    parser.add_argument("endpoint", metavar="ENDPOINT")
    parser.add_argument(
        "-d", "--data-file", metavar="FILE", default="-", help="the request's body; -: standard input (-)"
    )
    parser.add_argument(
        "--content-type", help="what the body is (by the file's name; application/json when it does not tell)"
    )
    parser.add_argument("--accept", help="what the answer is to be (the model's choice)")
    parser.add_argument("--variant", help="the production variant that is to answer")
    return parser


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Send it; the answer's bytes go to standard output.

    Raises:
        addresses.NotServingError: no service runs in the data directory.
        connection.CommandError: the body cannot be read, or the endpoint answered with an error.

    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  (heavy)

    body = _read(arguments.data_file)
    chosen = {"Accept": arguments.accept, "TargetVariant": arguments.variant}
    runtime = connection.client(settings, "sagemaker-runtime")
    try:
        answer = runtime.invoke_endpoint(
            EndpointName=arguments.endpoint,
            Body=body,
            ContentType=arguments.content_type or _content_type(arguments.data_file),
            **{name: value for name, value in chosen.items() if value},
        )
        content = answer["Body"].read()
    except (BotoCoreError, ClientError) as error:
        raise connection.CommandError(str(error)) from error
    sys.stdout.buffer.write(content)
    if sys.stdout.isatty() and not content.endswith(b"\n"):
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()
    return 0


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise connection.CommandError(f"{name} cannot be read: {error.strerror}") from error


def _content_type(name: str) -> str:
    return _TYPES.get(Path(name).suffix.lower(), "application/json")
