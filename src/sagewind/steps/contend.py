"""Who is measured on the held-out rows: the new model and, on the same rows, the champion."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from sagewind import aws, load, naming, partition, requests
from sagewind.errors import SagewindError
from sagewind.objects import Address, Objects
from sagewind.steps import champions
from sagewind.steps.rows import ROW, Rows, features, own_header, to_csv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sagewind import spec
    from sagewind.registry import Version

_FOLDER = "/opt/ml/model"
CHALLENGER = "challenger"
CHAMPION = "champion"


class UnsavedError(SagewindError):
    """A training job ended well and left no model."""


def contend(
    spec_file: Path | str,
    *,
    made: dict[str, Any],
    artifact: str,
    model_name: str,
    name: str,
    at: str = "",
    clients: aws.Clients = aws.client,
) -> list[dict[str, Any]]:
    """Return the request of one job for each contender, the challenger's first.

    `made` is what `ready` returned, `name` what the jobs' names begin with. The champion takes part when the
    spec has a challenge and there is one: today's, or that of the time (ISO 8601) from which on the new model
    is to count.

    Raises:
        UnsavedError: there is no artifact to measure.

    """
    model = load.load(spec_file)
    objects = Objects(clients("s3"), kms_key=model.account.kms_key)
    if objects.head(Address.parse(artifact)) is None:
        left = f"the training job left nothing in {_FOLDER}"
        who = "the algorithm" if model.is_algorithm else model.source.entry_point
        raise UnsavedError(f"{artifact}: there is no such object: {left}, where {who} is to save the model")
    own = features(model, own_header(model))
    job = functools.partial(_job, model, made, name=name, held_out=made["held_out"], columns=own)
    jobs = [job(CHALLENGER, artifact=artifact, model_name=model_name)]
    sagemaker = clients("sagemaker")
    champion = champions.current(sagemaker, model, until=at) if model.gate.challenge else None
    if champion is not None:
        serving = ""
        learned = champions.features(objects, model, champion)
        if not model.evaluates_by_script:
            serving = champions.sagemaker_model(sagemaker, model, champion, role=made["role"])
            held_out = _held_out(objects, model, made, champion, learned)
            job = functools.partial(job, held_out=held_out, columns=learned)
        elif learned != own:
            job = functools.partial(job, **_of_its_time(objects, model, made, champion, learned))
        jobs.append(job(CHAMPION, artifact=champion.model_data, model_name=serving))
    return jobs


def _of_its_time(
    objects: Objects, model: spec.Model, made: dict[str, Any], champion: Version, learned: Sequence[str]
) -> dict[str, str]:
    """Return the held-out rows with the columns that the champion learned, and the scripts that knew these.

    Raises:
        RowsError: the rows lack a column that it learned.

    """
    test = _test(objects, made, champion)
    others = [name for name in test.header if name not in features(model, test.header)]
    home = Address.parse(made["run"]) / "held-out" / CHAMPION
    content = test.ordered((*others, *learned)).to_csv()
    objects.write(home / "test.csv", content, content_type="text/csv")
    code = champion.properties.get("sagewind:code", "")
    scripts = Address(home.bucket, model.name) / "code" / code / "files"
    kept = code and objects.head(scripts / model.evaluation.entry_point)
    return {"test": f"{home}/", "scripts": f"{scripts}/" if kept else made["scripts"]}


def _test(objects: Objects, made: dict[str, Any], champion: Version) -> Rows:
    """Return the held-out rows, named for whom they are."""
    named = f"the held-out rows (for version {champion.number}, which learned other columns)"
    return Rows.parse(objects.read(Address.parse(made["test"]) / "test.csv"), named)


def _held_out(
    objects: Objects, model: spec.Model, made: dict[str, Any], champion: Version, learned: Sequence[str]
) -> str:
    """Return where the held-out rows are as the champion takes them; made when it learned other columns.

    Raises:
        RowsError: they lack a column that it learned.

    """
    test = _test(objects, made, champion)
    if learned == features(model, test.header):
        return str(made["held_out"])
    whole = test.with_ids(model.data.id_column)
    where = Address.parse(made["run"]) / "held-out" / CHAMPION / "test.csv"
    objects.write(where, to_csv(whole.pick((model.data.id_column or ROW, *learned))), content_type="text/csv")
    return str(where)


def output(run: str, who: str) -> Address:
    """Return where a contender's evaluation is."""
    return Address.parse(run) / "evaluation" / who


def _job(
    model: spec.Model,
    made: dict[str, Any],
    who: str,
    *,
    artifact: str,
    model_name: str,
    name: str,
    held_out: str,
    columns: Sequence[str],
    test: str = "",
    scripts: str = "",
) -> dict[str, Any]:
    job_name = naming.name(f"{model.name}-evaluate-{who}", name, who)
    where = str(output(made["run"], who))
    if model.evaluates_by_script:
        return requests.evaluation(
            model,
            name=job_name,
            place=requests.Place(**{key: made[key] for key in ("role", "image", "region", "code")}),
            scripts=scripts or made["scripts"],
            artifact=artifact,
            test=test or made["test"],
            output=where,
        )
    return requests.transform(
        model,
        name=job_name,
        model_name=model_name,
        data=held_out,
        output=where,
        processing=partition.processing(len(columns)),
    )
