"""Where a model's rows may come from beside a file: a DynamoDB table, or what Firehose lands on S3."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - `load` reads the annotations when it runs
from dataclasses import dataclass, field

from sagewind.rules import Checked, rule

_PREFIX = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/([\w.=-]+/)*"


@dataclass(frozen=True, kw_only=True)
class DynamoDB(Checked):
    """A table that is exported at the beginning of a run; each item is a row."""

    table: str = rule(pattern=r"[\w.-]{3,255}", says="a table's name: 3 to 255 letters, digits, _ . -")
    """Source of the rule: DynamoDB API reference, CreateTable."""
    export: str = rule("scan", one_of=("scan", "point_in_time"))
    """`scan`: the items of this moment. `point_in_time`: those of the data interval's end; the table needs
    point-in-time recovery."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Column → attribute, where they differ; dots lead into maps (`person.age`)."""
    timeout_hours: float = rule(6.0, minimum=0.01, maximum=168)
    """How long a point-in-time export may take."""


@dataclass(frozen=True, kw_only=True)
class Landing(Checked):
    """Objects that Firehose wrote, of a Kinesis stream say, below `<prefix>YYYY/MM/DD/HH/` (UTC)."""

    prefix: str = rule(pattern=_PREFIX, longest=1024, says="a prefix such as s3://bucket/readings/")
    format: str = rule("json", one_of=("json", "csv"))
    """`json`: an object for each record. `csv`: a line each, in the columns' order, without a header."""
    awaits: str = rule("hour", one_of=("hour", "day"))
    """A run begins when something has landed in the last hour, or day, of its interval."""
    late_seconds: int = rule(900, minimum=0, maximum=86400)
    """How long after an hour's end its objects may still come. Firehose buffers up to 900 s
    (API reference, BufferingHints)."""
    timeout_hours: float = rule(24.0, minimum=0.01, maximum=720)
    """How long a run waits for something to land."""

    @property
    def bucket(self) -> str:
        """The bucket of the prefix."""
        return self.prefix.removeprefix("s3://").partition("/")[0]

    @property
    def key(self) -> str:
        """The key of the prefix: empty, or with a slash at its end."""
        return self.prefix.removeprefix("s3://").partition("/")[2]
