"""`sagewind timeline <model>`: who was champion when, the drift that was found, and a picture of both."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewind.cli import models
from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from sagewind import spec
    from sagewind.cli.call import Call


class TimelineError(SagewindError):
    """The picture that was asked for cannot be drawn."""


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser("timeline", help="tell a model's champions and the drift that was found")
    models.argument(parser)
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw it, too")
    parser.add_argument("--metric", default="", help="what the picture shows of quality (the gate's first)")
    parser.set_defaults(run=run)


def run(call: Call) -> int:
    """Print a line for each event; 1 when nothing has happened yet.

    Raises:
        TimelineError: a picture was asked for that cannot be drawn.

    """
    from sagewind import aws, chronicle, chronicle_picture  # noqa: PLC0415 - boto3 only where AWS is asked
    from sagewind.objects import Address, Objects  # noqa: PLC0415
    from sagewind.registry import Registry  # noqa: PLC0415

    model, clients = models.model(call), models.clients(call)
    metric = _metric(call, model)
    base = Address(aws.account(model.account, clients).bucket, model.name)
    versions = Registry(clients("sagemaker")).versions(model.name)
    told = chronicle.read(model.name, list(versions), Objects(clients("s3")), base)
    lines = list(told.lines())
    sys.stdout.write("".join(f"{line}\n" for line in lines) or f"{model.name}: nothing has happened yet\n")
    picture: Path | None = call.arguments.picture
    if picture is not None:
        if not told.days:
            raise TimelineError(f"{picture}: there is nothing to draw, {model.name} has no watched day yet")
        limits = chronicle_picture.limits(model, metric)
        drawn = chronicle_picture.picture(told, metric=metric, limits=limits)
        picture.write_text(drawn, encoding="utf-8")
    return 0 if lines else 1


def _metric(call: Call, model: spec.Model) -> str:
    """Return what the picture shows of quality.

    Raises:
        TimelineError: scores are not measured by that.

    """
    from sagewind.scores import SCORES  # noqa: PLC0415 - numpy only where it is needed

    wanted: str = call.arguments.metric
    if wanted and wanted not in SCORES:
        raise TimelineError(f"--metric is {wanted!r}; allowed are {', '.join(SCORES)}")
    return wanted or next(iter(model.gate.thresholds), "")
