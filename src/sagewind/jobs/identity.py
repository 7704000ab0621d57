"""Which job is whose: a job's name and its tags, made of what a task asks for and of who asks.

The owner is the task of a run, and the generation: how often a person has cleared it. A retry belongs to the
same generation, so it finds its predecessor's job; a clear makes a new one, so it does not.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sagewind import naming

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OWNER_TAG = "sagewind:owner"
CONTENT_TAG = "sagewind:content"
DAG_TAG = "sagewind:dag"
RUN_TAG = "sagewind:run"
TASK_TAG = "sagewind:task"

_DIGITS = 10
MOST_ATTEMPTS = 100
_TAG_VALUE = re.compile(r"[^\w\s.:/=+\-@]")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The task instance that wants a job. `generation` is 0 until a person clears the task."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    generation: int

    @property
    def key(self) -> str:
        """A hash of the whole, for the owner's tag."""
        parts = (self.dag_id, self.run_id, self.task_id, str(self.map_index), str(self.generation))
        return naming.digest(parts)[:32]

    @property
    def earlier(self) -> frozenset[str]:
        """The keys that this task may have had before a person cleared it."""
        return frozenset(replace(self, generation=number).key for number in range(self.generation))

    def made(self, tags: Mapping[str, str] | None) -> bool:
        """Tell by its tags whether this task made a thing, now or before a person cleared it.

        Tags that may not be read (`None`) are no proof, and neither is a name: another may have been faster
        to take it.
        """
        return (tags or {}).get(OWNER_TAG) in {self.key, *self.earlier}

    def tags(self, content: str) -> list[dict[str, str]]:
        """Return the tags of what this task makes."""
        values = {
            OWNER_TAG: self.key,
            CONTENT_TAG: content,
            DAG_TAG: self.dag_id,
            RUN_TAG: self.run_id,
            TASK_TAG: self.task_id,
        }
        return [{"Key": key, "Value": _TAG_VALUE.sub("-", value)[:256]} for key, value in values.items()]


def generation(*, max_tries: int, retries: int) -> int:
    """Return the try at which a person last cleared the task; 0 when nobody did.

    Airflow sets `max_tries = try_number + retries` when a task that is not running is cleared, and leaves it
    alone for a retry (`airflow.models.taskinstance.clear_task_instances`).
    """
    return max(0, max_tries - retries)


def content(request: Mapping[str, Any], *, ignored: frozenset[str]) -> str:
    """Return a hash of what a request asks for; the top-level keys `ignored` do not matter."""
    kept = {key: value for key, value in request.items() if key not in ignored}
    canonical = json.dumps(kept, sort_keys=True, separators=(",", ":"), default=str)
    return naming.digest((canonical,))[:32]


def candidates(given: str, owner: Identity, content_hash: str, longest: int) -> Iterator[str]:
    """Yield the names to try in turn: the one given, then ones that only this owner and content have."""
    yield given[:longest].rstrip("-")
    yield from own_names(given, owner, content_hash, longest)


def stem(beginning: str, longest: int) -> str:
    """Return how each of the `candidates` begins for any name that begins so."""
    most = longest - 2 * _DIGITS - 1
    return beginning if len(beginning) <= most else beginning[:most].rstrip("-")


def may_be(name: str, beginning: str, longest: int) -> bool:
    """Whether a name may be one of the `candidates` for a longer name that begins so."""
    given = beginning if len(beginning) < longest else beginning[:longest].rstrip("-")
    own = rf"{re.escape(stem(beginning, longest))}-[0-9a-f]{{{2 * _DIGITS}}}"
    return name.startswith(given) or re.fullmatch(own, name) is not None


def own_names(given: str, owner: Identity, content_hash: str, longest: int) -> Iterator[str]:
    """Yield names that begin as the one given, and end in a hash of content, owner and number."""
    for number in range(MOST_ATTEMPTS):
        tail = content_hash[:_DIGITS] + naming.digest((owner.key, content_hash, str(number)))[:_DIGITS]
        yield suffixed(given, tail, longest)


def suffixed(given: str, tail: str, longest: int) -> str:
    """Return `<given>-<tail>`, the given part cut so that it fits; a tail that does not fit is cut too."""
    tail = tail[: longest - 2]
    head = given[: longest - len(tail) - 1].rstrip("-")
    return f"{head}-{tail}" if head else tail
