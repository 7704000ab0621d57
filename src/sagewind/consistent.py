"""What a spec says against itself, and against the files that it names.

Each objection is where in the spec it stands, as keys, and what is wrong; `load` adds file and line.
"""

from __future__ import annotations

import csv
import difflib
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from sagewind import csv_text, images, sections

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sagewind import spec

Objection = tuple[tuple[str, ...], str]


def objections(model: spec.Model, *, alone: bool = False) -> Iterator[Objection]:
    """Yield what does not agree; nothing of it costs more than a look at a file's first line.

    A spec that is `alone` is not held against the files that it names.
    """
    yield from _image(model)
    yield from _schedules(model)
    yield from _roles(model)
    yield from _measured(model)
    if not alone:
        yield from _table(model)
        yield from _code(model)


def source_directory(model: spec.Model) -> Path | None:
    """Return the folder of the model's code, or None when it is on S3 already or there is none."""
    if model.is_algorithm or model.source.directory.startswith("s3://"):
        return None
    return _beside(model, model.source.directory)


def data_file(model: spec.Model) -> Path:
    """Return the CSV file that travels with the spec."""
    return _beside(model, model.data.file)


def _beside(model: spec.Model, relative: str) -> Path:
    folder = model.path.parent if model.path else Path.cwd()
    return (folder / relative).resolve()


def _image(model: spec.Model) -> Iterator[Objection]:
    """See that Amazon publishes the image; in which regions is known when it runs."""
    wanted = model.image
    published = images.versions(wanted.framework)
    if wanted.version not in published:
        said = f"image.version is {wanted.version!r}; published are {', '.join(published)}"
        yield ("image", "version"), said


def _schedules(model: spec.Model) -> Iterator[Objection]:
    """Hold schedules against Airflow's own parser: one that it refuses is an error of the whole DAG file."""
    for key in ("schedule", "score_schedule"):
        expression = getattr(model, key)
        if trouble := _trouble(expression):
            yield (key,), f"{key} is {expression!r}; allowed is what cron knows: {trouble}"


@functools.cache
def _trouble(expression: str) -> str:
    """Return what cron does not know; most models have one of few schedules."""
    from croniter import CroniterBadCronError, croniter  # noqa: PLC0415 - Airflow has it when it parses

    try:
        if expression:
            croniter(expression)
    except CroniterBadCronError as error:
        return str(error)
    return ""


def _roles(model: spec.Model) -> Iterator[Objection]:
    """See that target and id are no features, and that a closed schema has them."""
    roles = {model.data.target: "data.target", model.data.id_column: "data.id_column"}
    for name in model.score.features:
        if name in roles:
            said = f"score.features has {name!r}; that is {roles[name]}, and no feature"
            yield ("score", "features"), said
    if model.schema is None or model.schema.allow_extra:
        return
    for name in filter(None, roles):
        if name not in model.schema.columns:
            listed = ", ".join(model.schema.columns)
            yield ("schema", "columns"), f"schema.columns lacks {name!r}, {roles[name]}; it has {listed}"


def _measured(model: spec.Model) -> Iterator[Objection]:
    """See that the gate asks for what is measured; what a script measures only the script knows."""
    if model.evaluates_by_script:
        return
    known = sections.MEASURED[model.evaluation.problem]
    asked = {("gate", "thresholds", name): name for name in model.gate.thresholds}
    if model.gate.challenge is not None:
        asked["gate", "challenge", "metric"] = model.gate.challenge.metric
    for keys, name in asked.items():
        if name not in known:
            said = f"{'.'.join(keys)} asks for {name!r}{_near(name, known)}"
            yield keys, f"{said} measured of a {model.evaluation.problem} are {', '.join(known)}"


def _table(model: spec.Model) -> Iterator[Objection]:
    """See that the table is there, and has the columns that are named."""
    table = data_file(model)
    if not table.is_file():
        yield ("data", "file"), f"data.file is {model.data.file!r}; no file is at {table}"
        return
    if kind := _other_kind(table):
        yield ("data", "file"), f"data.file is {model.data.file!r}, which is {kind}; allowed is a CSV file"
        return
    header = _header(table)
    for keys, name in _named_columns(model) if header else ():
        if name not in header:
            said = f"{'.'.join(keys)} names {name!r}{_near(name, header)}"
            yield keys, f"{said} allowed are the columns of {model.data.file}: {', '.join(header)}"


def _other_kind(table: Path) -> str:
    with table.open("rb") as stream:
        return csv_text.other_than_csv(stream.read(csv_text.HEAD))


def _header(table: Path) -> list[str]:
    """Return a table's columns; none when its first line is no header, which the look at the data tells."""
    with table.open(encoding="utf-8-sig", newline="") as stream:
        try:
            names = [name.strip() for name in next(csv.reader(stream), [])]
        except (UnicodeDecodeError, csv.Error):
            return []
    return names if len(names) > 1 and len(set(names)) == len(names) and all(names) else []


def _named_columns(model: spec.Model) -> Iterator[tuple[tuple[str, ...], str]]:
    yield ("data", "target"), model.data.target
    if model.data.id_column:
        yield ("data", "id_column"), model.data.id_column
    for name in model.score.features:
        yield ("score", "features"), name
    for name in model.schema.columns if model.schema else ():
        yield ("schema", "columns", name), name
    for name in model.data.dynamodb.attributes if model.data.dynamodb else ():
        yield ("data", "dynamodb", "attributes", name), name


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ";"


def _code(model: spec.Model) -> Iterator[Objection]:
    """See that the folder of the code is there, with the scripts in it."""
    folder = source_directory(model)
    if folder is None:
        return
    if not folder.is_dir():
        allowed = "allowed is a folder, or the s3:// address of a sourcedir.tar.gz"
        said = f"source.directory is {model.source.directory!r}; no folder is at {folder}; {allowed}"
        yield ("source", "directory"), said
        return
    scripts = {"source": model.source.entry_point}
    if model.gate.has_rules and model.evaluates_by_script:
        scripts["evaluation"] = model.evaluation.entry_point
    for section, script in scripts.items():
        if not (folder / script).is_file():
            found = ", ".join(sorted(p.name for p in folder.glob("*.py"))) or "no .py file"
            yield (section, "entry_point"), f"{section}.entry_point is {script!r}; {folder} has {found}"
