"""Describe calls that sagelocal answers when a job is over, instead of one look after another.

It holds a call for as long as a header says. AWS knows no such header and is never sent it; another local
SageMaker does not heed it, so whoever asks still pauses between two answers that come at once.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, TypeVar

from sagewind.jobs import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEADER = "x-sagelocal-wait"
MOST_SECONDS = 20.0
"""What sagelocal takes."""
_EVENT = "before-call.sagemaker"

Result = TypeVar("Result")


@contextlib.contextmanager
def asking(client: Any, seconds: float) -> Iterator[float]:
    """Have the calls of a boto3 or aiobotocore client of SageMaker held, for `seconds` at most.

    Gives how long that is: half of the client's own patience with an answer at most, and 0 of AWS.
    """
    timeout = client.meta.config.read_timeout
    patience = min(seconds, MOST_SECONDS, MOST_SECONDS if timeout is None else timeout / 2)
    if patience <= 0 or not limits.is_local(str(client.meta.endpoint_url)):
        yield 0.0
        return

    def ask(params: dict[str, Any], **_: Any) -> None:
        params["headers"][HEADER] = f"{patience:.3f}"

    client.meta.events.register(_EVENT, ask)
    try:
        yield patience
    finally:
        client.meta.events.unregister(_EVENT, ask)


def until(
    look: Callable[[float], Result | None],
    seconds: float,
    *,
    stopped: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Result | None:
    """Look for `seconds`, again and again; return what was found, `None` when nothing was.

    `look` gets the seconds for which its call may be held.
    """
    begin = clock()
    while (waited := clock() - begin) < seconds and not stopped():
        found = look(seconds - waited)
        if found is not None:
            return found
        held = clock() - begin - waited
        sleep(max(0.0, limits.pause(waited) - held))
    return None
