r"""FailureReason: what a job's client reads when it went wrong. Pure.

The shape is that of SageMaker and its training toolkit, which every client's users know:
`AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage "…"\nCommand "…", exit code: 1`.
"""

from __future__ import annotations

import shlex
from collections import deque
from typing import TYPE_CHECKING

from sagelocal import storage as objects
from sagelocal.jobs import inputs
from sagelocal.jobs.kinds import LONGEST_REASON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagelocal.container.exits import Exit

TRACEBACK = "Traceback (most recent call last):"
KEPT_LINES = 60
COMMAND_CHARACTERS = 200
KILLED = 9
_OWN_HEADS = ("ClientError: ", "AlgorithmError: ")
OUT_OF_MEMORY = "OutOfMemory: Process killed by SIGKILL (signal 9)"
"""What the toolkit says of every SIGKILL, since it is the kernel's way to end what takes too much memory."""


CLIENT, PLATFORM = "ClientError", "InternalServerError"


def fault(error: BaseException | None) -> str:
    """Return whose fault it is that data cannot be had: the platform's where S3 does not answer."""
    is_platforms = isinstance(error, objects.UnreachableError | inputs.UnreachableError)
    return PLATFORM if is_platforms else CLIENT


class Tail:
    """The last lines of a log, for the message of a failure."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)

    def add(self, line: str) -> None:
        """Take a line."""
        self._lines.append(line)

    def error(self) -> str:
        """Return the last traceback to its end, or the last lines when there is none."""
        lines = [line for line in self._lines if line.strip()]
        starts = [number for number, line in enumerate(lines) if TRACEBACK in line]
        return "\n".join(lines[starts[-1] :] if starts else lines[-5:])


def script(end: Exit, command: Sequence[str], error: str, *, name: str = "ExecuteUserScriptError") -> str:
    """Return the reason for a script that ended badly; `error` is the traceback's end."""
    code = -end.signal if end.signal else end.code
    extra = f'\nExtraInfo "{OUT_OF_MEMORY}"' if end.signal == KILLED else ""
    words = f"The script was {end}. {error}".strip() if end.signal else error
    shown = shlex.join(command)
    if len(shown) > COMMAND_CHARACTERS:
        shown = shown[: COMMAND_CHARACTERS - 1] + "…"
    head = f'AlgorithmError: {name}:\nExitCode {code}\nErrorMessage "'
    tail = f'"{extra}\nCommand "{shown}", exit code: {end.code}'
    return head + last_characters(words, LONGEST_REASON - len(head) - len(tail)) + tail


def container(end: Exit, failure: str, error: str) -> str:
    """Return the reason of a container that ended badly: its /opt/ml/output/failure, else its log's end."""
    tail = f", exit code: {end.code}"
    words = failure.strip() or (f"The container was {end}. " if end.signal else "") + error
    # A built-in algorithm says itself whose fault it is.
    head = "" if words.startswith(_OWN_HEADS) else "AlgorithmError: "
    room = LONGEST_REASON - len(head) - len(tail)
    # Of the failure file SageMaker shows the start; of a log the end says what went wrong.
    return head + (words[:room] if failure.strip() else last_characters(words, room)) + tail


def last_characters(text: str, room: int) -> str:
    """Return the end of a text, whole lines where possible, in at most `room` characters."""
    if len(text) <= room:
        return text
    cut = text[-max(0, room - 1) :]
    newline = cut.find("\n")
    if 0 <= newline < room // 2:
        cut = cut[newline + 1 :]
    return "…" + cut


def requirements(words: str) -> str:
    """Return the reason for a requirements.txt that cannot be installed, with the resolver's own words."""
    head = 'AlgorithmError: InstallRequirementsError:\nExitCode 1\nErrorMessage "'
    tail = '"\nCommand "uv pip install -r requirements.txt", exit code: 1'
    return head + words.strip()[: LONGEST_REASON - len(head) - len(tail)] + tail
