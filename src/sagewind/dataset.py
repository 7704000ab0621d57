"""The data that was known at a moment: which daily partitions of a table a run may use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sagewind.errors import SagewindError
from sagewind.objects import Address, Entry, Objects

_PARTITION = re.compile(r"(?:^|/)ds=(\d{4}-\d{2}-\d{2})(?:/|$)")


class DatasetError(SagewindError):
    """The data of a moment cannot be selected as asked."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The objects below a prefix that were known at a moment."""

    prefix: Address
    entries: tuple[Entry, ...]


def as_of(objects: Objects, prefix: Address, until: datetime, *, days: int = 0) -> Selection:
    """Select the partitions `ds=YYYY-MM-DD/` under `prefix` whose day ended by `until`, an aware datetime.

    The day of a partition is a UTC day; it counts when its end is not after `until`, so that a training
    run for the interval that ends at `until` sees nothing from its future. With `days`, only partitions that
    ended within so many days before `until` count. Objects whose name starts with `_` or `.` are no data.

    Raises:
        DatasetError: `until` has no time zone, an object is outside any `ds=` partition, or nothing is
        selected.

    """
    if until.tzinfo is None:
        raise DatasetError(f"data as of {until.isoformat()}: expected a time with a time zone")
    folder = Address(prefix.bucket, prefix.key.rstrip("/") + "/" if prefix.key else "")
    data = [each for each in objects.list(folder) if not each.address.name.startswith(("_", "."))]
    since = until - timedelta(days=days) if days else datetime.min.replace(tzinfo=UTC)
    chosen = [each for each in data if since < _day_end(each.address, folder) <= until]
    if not chosen:
        ends = [_day_end(each.address, folder) for each in data]
        counted = {"later": sum(end > until for end in ends), "earlier": sum(end <= since for end in ends)}
        found = " and ".join(f"{count} {name} object(s)" for name, count in counted.items() if count)
        within = f"in the {days} days before" if days else "by"
        raise DatasetError(
            f"{folder}: no partition ds=YYYY-MM-DD/ ended {within} {until.isoformat()}; "
            f"found {found or 'nothing'}"
        )
    return Selection(prefix=folder, entries=tuple(chosen))


def _day_end(address: Address, prefix: Address) -> datetime:
    """Return when the day of an object's partition ends."""
    match = _PARTITION.search(address.key.removeprefix(prefix.key))
    if match is None:
        raise DatasetError(f"{address}: expected it in a partition {prefix}ds=YYYY-MM-DD/")
    try:
        day = date.fromisoformat(match.group(1))
    except ValueError as error:
        raise DatasetError(f"{address}: ds={match.group(1)} is no date") from error
    following = date.fromordinal(day.toordinal() + 1)
    return datetime.combine(following, time(), tzinfo=UTC)
