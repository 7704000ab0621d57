"""Getting a job: making it, or finding the one that was made already, so that no work is paid for twice.

The names to try are known beforehand (`identity.candidates`), so a worker that died between the Create call
and its answer left nothing that its successor does not find.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagewind.jobs import attach, failures, identity
from sagewind.jobs.attach import Decision, Ownership, Seen
from sagewind.jobs.failures import Cause
from sagewind.jobs.kinds import Phase
from sagewind.jobs.service import CallError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sagewind.jobs.identity import Identity
    from sagewind.jobs.service import Jobs

OUTPUTS = frozenset({"OutputDataConfig", "TransformOutput", "ProcessingOutputConfig", "CheckpointConfig"})
"""Where results go: it does not change what they are, so a finished job with other outputs may be reused."""

ESSENCE_TAG = "sagewind:essence"
_STOP_SECONDS = 150.0
_ROUNDS = 5
"""Looks at one name that is taken and does not exist, or is not there and then taken."""


@dataclass(frozen=True, kw_only=True)
class Want:
    """What a task asks for.

    `instance_types` are tried in turn while AWS has no capacity; `manifest` is a hash of the input data for
    reuse (`None`: no reuse); `rename` is false when a name that is taken is to be an error; `remembered` are
    the names that this task asked for before, for names that change from one try to the next. Somebody else
    may have been faster to take one of them: whose its job is, its tags say.
    """

    request: Mapping[str, Any]
    owner: Identity
    rename: bool = True
    instance_types: tuple[str, ...] = ()
    manifest: str | None = None
    remembered: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A job that is ours to wait for, or whose result is ours."""

    name: str
    decision: Decision
    description: Mapping[str, Any] = field(default_factory=dict)
    reused: bool = False
    """Another task made it, and it did exactly what was asked for."""


class NameTakenError(CallError):
    """The name is somebody else's, and another was not wanted."""

    def __init__(self, noun: str, name: str) -> None:
        message = f"a SageMaker {noun} with name {name} already exists, and action_if_job_exists is 'fail'"
        super().__init__(Cause.CLIENT, "", message)


class Claimer:
    """Gets one job of one kind. `told` is given each step in words; `before` the name before each Create."""

    def __init__(
        self, jobs: Jobs, *, told: Callable[[str], None], before: Callable[[str], None] = lambda _: None
    ) -> None:
        self._jobs = jobs
        self._kind = jobs.kind
        self._told = told
        self._before = before

    def claim(self, want: Want) -> Claim:
        """Find the job that `want` describes, or make it.

        Raises:
            NameTakenError: the name is taken, and `want.rename` is false.
            CallError: AWS refused.

        """
        content = self._content(want.request)
        essence = self._essence(want)
        own = self._remembered(want, content)
        if own is not None:
            return own
        if want.manifest is not None:
            reused = self._reusable(essence)
            if reused is not None:
                return reused
        types = list(want.instance_types)
        for name in self._names(want, content, essence):
            claim, cause = self._at(name, want, content, essence, types)
            if claim is not None:
                return claim
            if cause in (Cause.CAPACITY, Cause.QUOTA) and len(types) > 1:
                self._told(f"no {types[0]} to be had ({cause}); trying {types[1]}")
                types.pop(0)
        message = f"{identity.MOST_ATTEMPTS} {self._kind.noun}s of this task exist already"
        raise CallError(Cause.CLIENT, "", message)

    def _content(self, request: Mapping[str, Any]) -> str:
        return identity.content(request, ignored=frozenset({self._kind.name_key, "Tags"}))

    def _essence(self, want: Want) -> str:
        request = {**want.request, "manifest": want.manifest or ""}
        return identity.content(request, ignored=frozenset({self._kind.name_key, "Tags"}) | OUTPUTS)

    def _names(self, want: Want, content: str, essence: str) -> Iterator[str]:
        given, longest = str(want.request[self._kind.name_key]), self._kind.longest
        if want.manifest is not None:
            return identity.own_names(given, want.owner, essence, longest)
        return identity.candidates(given, want.owner, content, longest)

    def _at(
        self, name: str, want: Want, content: str, essence: str, types: list[str]
    ) -> tuple[Claim | None, Cause | None]:
        """Settle one name: a claim, or why the next name is to be tried."""
        for _ in range(_ROUNDS):
            description = self._jobs.describe(name)
            seen = self._seen(description, want.owner, content)
            decision = attach.decide(seen, rename=want.rename)
            if decision is Decision.CREATE:
                made, cause = self._create(name, want, content, essence, types)
                if made or cause is not None:
                    return (Claim(name=name, decision=decision) if made else None), cause
                continue  # somebody was faster: perhaps we ourselves, by a call whose answer was lost
            if decision in (Decision.ATTACH, Decision.TAKE, Decision.REPORT):
                self._told(f"{self._kind.noun} {name} is this task's own already: {decision}")
                return Claim(name=name, decision=decision, description=description or {}), None
            if decision is Decision.REFUSE:
                raise NameTakenError(self._kind.noun, name)
            if decision is Decision.STOP_THEN_NEXT:
                self._told(f"stopping {self._kind.noun} {name}, whose result nobody wants any more")
                self._jobs.stop_and_wait(name, seconds=_STOP_SECONDS, interval=1.0)
            return None, seen.cause if seen else None
        return None, None

    def _seen(self, description: Mapping[str, Any] | None, owner: Identity, content: str) -> Seen | None:
        if description is None:
            return None
        phase = self._kind.phase(description)
        reason = self._kind.reason(description)
        cause = failures.of_reason(reason) if phase is Phase.FAILED else None
        tags = self._jobs.tags(description) or {}
        ownership = Ownership.OUTDATED if owner.made(tags) else Ownership.FOREIGN
        if tags.get(identity.OWNER_TAG) == owner.key and tags.get(identity.CONTENT_TAG) == content:
            ownership = Ownership.OURS
        return Seen(phase=phase, ownership=ownership, cause=cause)

    def _create(
        self, name: str, want: Want, content: str, essence: str, types: list[str]
    ) -> tuple[bool, Cause | None]:
        """Make the job: whether it was made, and the cause when another instance type may help."""
        own = [*want.owner.tags(content), {"Key": ESSENCE_TAG, "Value": essence}]
        tags = {tag["Key"]: tag for tag in [*want.request.get("Tags", []), *own]}
        request = {**want.request, self._kind.name_key: name, "Tags": list(tags.values())}
        if types:
            request = with_instance_type(request, types[0])
        self._before(name)
        self._told(f"creating {self._kind.noun} {name}")
        try:
            return self._jobs.create(request), None
        except CallError as error:
            if error.cause in (Cause.CAPACITY, Cause.QUOTA) and len(types) > 1:
                return False, error.cause
            raise

    def _remembered(self, want: Want, content: str) -> Claim | None:
        """Return this task's own earlier job when it still serves; stop those that nobody waits for."""
        for name in want.remembered:
            description = self._jobs.describe(name)
            if description is None:
                continue
            seen = self._seen(description, want.owner, content)
            decision = attach.decide(seen, rename=True)
            if decision in (Decision.ATTACH, Decision.TAKE, Decision.REPORT):
                self._told(f"{self._kind.noun} {name} is this task's own already: {decision}")
                return Claim(name=name, decision=decision, description=description)
            if decision is Decision.STOP_THEN_NEXT:
                self._told(f"stopping {self._kind.noun} {name} of an earlier wish")
                self._jobs.stop_and_wait(name, seconds=_STOP_SECONDS, interval=1.0)
        return None

    def _reusable(self, essence: str) -> Claim | None:
        for name in self._jobs.finished(essence[:10]):
            description = self._jobs.describe(name)
            if description and (self._jobs.tags(description) or {}).get(ESSENCE_TAG) == essence:
                self._told(f"{self._kind.noun} {name} did exactly this already: reused, 0 seconds billed")
                return Claim(name=name, decision=Decision.TAKE, description=description, reused=True)
        return None


def with_instance_type(request: Mapping[str, Any], instance_type: str) -> dict[str, Any]:
    """Return the request with another instance type, wherever its kind keeps it."""
    changed = dict(request)
    for key in ("ResourceConfig", "TransformResources"):
        if key in changed:
            changed[key] = {**changed[key], "InstanceType": instance_type}
    if "ProcessingResources" in changed:
        cluster = {**changed["ProcessingResources"]["ClusterConfig"], "InstanceType": instance_type}
        changed["ProcessingResources"] = {**changed["ProcessingResources"], "ClusterConfig": cluster}
    if "TrainingJobDefinition" in changed:
        changed["TrainingJobDefinition"] = with_instance_type(changed["TrainingJobDefinition"], instance_type)
    return changed


def input_uris(request: Any) -> set[str]:
    """Return every S3 address that a request reads from."""
    if isinstance(request, dict):
        kept = {key: value for key, value in request.items() if key not in OUTPUTS}
        return {uri for value in kept.values() for uri in input_uris(value)}
    if isinstance(request, list):
        return {uri for value in request for uri in input_uris(value)}
    # The SDK writes hyperparameters as JSON, and so the address of the code in quotes.
    text = request.strip('"') if isinstance(request, str) else ""
    return {text} if text.startswith("s3://") else set()
