"""Which version is the champion, since when, and how to go back.

The champion is the newest approved version; one that counts from before it was made, as a backfill's does,
is as old as that. SageMaker keeps only a version's last approval status, so
each approval given here is also written onto the version as a dated fact, in the same call; the timeline
is made from those. An approval given elsewhere (Studio, the console) shows as a status that the last fact
does not explain, and counts from the version's last modification.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sagewind.registry import MOST_PROPERTIES, PREFIX, RegistryError, clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sagewind.registry import Registry, Version

APPROVED = "Approved"
REJECTED = "Rejected"
PENDING = "PendingManualApproval"
_FACT = f"{PREFIX}approval:"


@dataclass(frozen=True, kw_only=True)
class Approval:
    """A version's status from a moment on; `by` is who said so, empty when it was not said here."""

    at: datetime
    number: int
    status: str
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class Reign:
    """A stretch of the timeline: who is champion from `start` until the next one; None: nobody."""

    start: datetime
    champion: int | None


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """What a rollback did: the version that is the champion now, and those it rejected."""

    champion: Version
    rejected: tuple[int, ...]


class Approvals:
    """Approves, rejects and remembers, over a `Registry`."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def approve(self, version: Version, *, at: datetime, by: str, why: str = "") -> Version:
        """Approve a version from `at` on, an aware time; repeating it changes nothing."""
        return self._set(version, Approval(at=at, number=version.number, status=APPROVED, by=by), why)

    def reject(self, version: Version, *, at: datetime, by: str, why: str = "") -> Version:
        """Reject a version from `at` on, an aware time; repeating it changes nothing."""
        return self._set(version, Approval(at=at, number=version.number, status=REJECTED, by=by), why)

    def champion(self, group: str) -> Version | None:
        """Return the newest approved version, or None; see `age`."""
        return reigning(self._registry.versions(group))

    def champion_as_of(self, group: str, moment: datetime) -> Version | None:
        """Return the version that was the champion until an aware time, or None.

        One that became it at that very moment does not count: made of the data up to then, it came after
        what that moment ends, and would be scoring rows that it may have learned from.
        """
        number = None
        for reign in self.timeline(group):
            if reign.start >= _aware(moment):
                break
            number = reign.champion
        return None if number is None else self._registry.version(group, number)

    def timeline(self, group: str) -> tuple[Reign, ...]:
        """Return every change of champion, the earliest first."""
        return timeline(self._registry.versions(group))

    def rollback(self, group: str, number: int, *, at: datetime, by: str) -> Rollback:
        """Make an earlier version the champion: approve it, then reject every approved version after it.

        In that order there is a champion at every moment, and repeating an interrupted rollback completes
        it.

        Raises:
            RegistryError: the group has no such version, or it was never approved.

        """
        target = self._registry.version(group, number)
        others = self._registry.versions(group)
        later = [each for each in others if age(each) > age(target) and each.status == APPROVED]
        if target.status == PENDING and not facts(target):
            raise RegistryError(f"model {group}: version {number} was never approved; approve it instead")
        why = f"rollback to version {number}"
        champion = self.approve(target, at=at, by=by, why=why)
        for each in later:
            self.reject(each, at=at, by=by, why=why)
        return Rollback(champion=champion, rejected=tuple(sorted(each.number for each in later)))

    def _set(self, version: Version, approval: Approval, why: str) -> Version:
        known = facts(version)
        if version.status == approval.status and known and known[-1].status == approval.status:
            return version
        name = f"{_FACT}{len(known):03d}"
        if len(version.properties) >= MOST_PROPERTIES:
            raise RegistryError(
                f"model {version.group} version {version.number}: {MOST_PROPERTIES} properties already; "
                "no place to record another approval"
            )
        fact = clean(f"{_aware(approval.at).isoformat()} {approval.status} {approval.by}")
        self._registry.client.update_model_package(
            ModelPackageArn=version.arn,
            ModelApprovalStatus=approval.status,
            CustomerMetadataProperties={name: fact},
            **({"ApprovalDescription": why[:1024]} if why else {}),
        )
        return self._registry.describe(version.arn)


def facts(version: Version) -> tuple[Approval, ...]:
    """Return the approvals written on a version, in the order they were given."""
    written = sorted((k, v) for k, v in version.properties.items() if k.startswith(_FACT))
    return tuple(_parse(version, key, value) for key, value in written)


def _parse(version: Version, key: str, value: str) -> Approval:
    try:
        moment, status, by = value.split(" ", 2)
        at = _aware(datetime.fromisoformat(moment))
    except ValueError as error:
        raise RegistryError(
            f"model {version.group} version {version.number}: property {key} is {value!r}, expected "
            "'<time> <status> <by>'"
        ) from error
    return Approval(at=at, number=version.number, status=status, by=by)


def history(version: Version) -> tuple[Approval, ...]:
    """Return a version's approvals, with one for a status that the last fact does not explain."""
    known = facts(version)
    explained = known[-1].status if known else PENDING
    if version.status == explained:
        return known
    return (*known, Approval(at=_aware(version.modified), number=version.number, status=version.status))


def age(version: Version) -> tuple[datetime, int]:
    """Return what orders versions: when each was made, or from when on it counts, if that was before.

    A backfill makes a model of January today and approves it from January on: it must not be today's champion
    before a model of March that was made in March.
    """
    counted = (each.at for each in facts(version) if each.status == APPROVED)
    return min([_aware(version.created), *counted]), version.number


def contenders(versions: Iterable[Version]) -> Iterator[Version]:
    """Yield versions, the newest first, down to an approved one that was made before none of those left."""
    for each in versions:
        yield each
        if each.status == APPROVED and age(each)[0] == _aware(each.created):
            return


def reigning(versions: Iterable[Version]) -> Version | None:
    """Return the champion among versions, the newest first, looking no further than it must."""
    approved = (each for each in contenders(versions) if each.status == APPROVED)
    return max(approved, key=age, default=None)


def timeline(versions: Iterable[Version]) -> tuple[Reign, ...]:
    """Replay all approvals by their time; the champion is the newest version approved at each moment."""
    known = tuple(versions)
    ages = {version.number: age(version) for version in known}
    events = sorted(
        (event for version in known for event in history(version)), key=lambda each: (each.at, each.number)
    )
    approved: set[int] = set()
    reigns: list[Reign] = []
    for event in events:
        if event.status == APPROVED:
            approved.add(event.number)
        else:
            approved.discard(event.number)
        champion = max(approved, key=ages.__getitem__, default=None)
        if reigns and reigns[-1].start == event.at:
            reigns.pop()
        if (reigns[-1].champion if reigns else None) != champion:
            reigns.append(Reign(start=event.at, champion=champion))
    return tuple(reigns)


def _aware(moment: datetime) -> datetime:
    """Return the moment in UTC.

    Raises:
        RegistryError: it has no time zone.

    """
    if moment.tzinfo is None:
        raise RegistryError(f"time of an approval: got {moment.isoformat()}, expected one with a time zone")
    return moment.astimezone(UTC)
