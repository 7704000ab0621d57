"""The gate of a pipeline: what the evaluation left, held against the spec's rules. It fails closed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sagewind import aws, evaluation, gate, load, paired
from sagewind.errors import SagewindError
from sagewind.evaluation import Predictions, Problem
from sagewind.objects import Address, ObjectMissingError, Objects
from sagewind.scores import SCORES
from sagewind.steps.contend import CHALLENGER, CHAMPION, output
from sagewind.steps.rows import Rows, features, to_csv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sagewind import spec

GOLDEN_ROWS = 5
_FOLDER = "/opt/ml/processing/evaluation"
_METRICS, _ROWS = "evaluation.json", "predictions.csv"
"""What an evaluation writes to that folder."""


class RejectedError(SagewindError):
    """The model did not pass the gate; the message has each reason."""


def judge(
    spec_file: Path | str, *, made: dict[str, Any], contenders: int, clients: aws.Clients = aws.client
) -> dict[str, Any]:
    """Read the evaluations of a run, decide, and write the decision to the run's `gate.json`.

    `made` is what `ready` returned, `contenders` how many were evaluated. Returns the `metrics`, the
    `decision`, it as `markdown`, where the `evaluation` is, and a `golden` request for the endpoint's check.

    Raises:
        RejectedError: a rule does not hold. EvaluationError: a file is missing or is not what it should be.

    """
    model = load.load(spec_file)
    objects = Objects(clients("s3"), kms_key=model.account.kms_key)
    if not model.evaluates_by_script:
        for who in (CHALLENGER, CHAMPION)[:contenders]:
            _measure(model, objects, made, who)
    home = output(made["run"], CHALLENGER)
    found = evaluation.parse(_written(model, objects, home, _METRICS), source=str(home / _METRICS))
    predictions = _predictions(model, objects, home)
    decision = gate.decide(
        found.metrics,
        thresholds=gate.thresholds(model.gate),
        challenge=_challenge(model),
        comparison=_comparison(model, objects, made, predictions) if contenders > 1 else None,
        has_champion=contenders > 1,
    )
    where = Address.parse(made["run"]) / "gate.json"
    objects.write_json(where, decision.to_json())
    if not decision.passed:
        raise RejectedError(f"model {model.name} did not pass the gate: {'; '.join(decision.failures)}")
    return {
        "metrics": dict(found.metrics),
        "decision": decision.to_json(),
        "markdown": decision.to_markdown(),
        "evaluation": str(home / _METRICS),
        "gate": str(where),
        "golden": _golden(model, objects, made, predictions),
    }


def _challenge(model: spec.Model) -> gate.Challenge | None:
    wanted = model.gate.challenge
    if wanted is None:
        return None
    return gate.Challenge(**{**vars(wanted), "require": gate.Require(wanted.require)})


def _comparison(
    model: spec.Model, objects: Objects, made: dict[str, Any], challenger: Predictions
) -> gate.Comparison | None:
    wanted = model.gate.challenge
    if wanted is None:
        return None
    champion = _predictions(model, objects, output(made["run"], CHAMPION))
    return paired.compare(challenger, champion, metric=wanted.metric, confidence=wanted.confidence)


def _predictions(model: spec.Model, objects: Objects, home: Address) -> Predictions:
    where = home / _ROWS
    return evaluation.parse_predictions(_written(model, objects, home, _ROWS), source=str(where))


def _written(model: spec.Model, objects: Objects, home: Address, name: str) -> str:
    """Return a file that the evaluation wrote.

    Raises:
        EvaluationError: it wrote no such file; the message has those that it did.

    """
    where = home / name
    try:
        return objects.read(where).decode("utf-8-sig")
    except ObjectMissingError as error:
        written = sorted(each.address.name for each in objects.list(home / "")) or ["nothing"]
        script = model.evaluation.entry_point
        raise evaluation.EvaluationError(
            f"{where}: {script} wrote no {name} to {_FOLDER}; it wrote {', '.join(written)}"
        ) from error
    except UnicodeDecodeError as error:
        raise evaluation.EvaluationError(f"{where}: byte {error.start} is not UTF-8") from error


def _measure(model: spec.Model, objects: Objects, made: dict[str, Any], who: str) -> None:
    """Turn a batch of scores of the held-out rows into the two files that an evaluation script writes."""
    home = output(made["run"], who)
    scored = home / (Address.parse(made["held_out"]).name + ".out")
    test = _test(model, objects, made)
    ids = model.data.id_column or test.header[0]
    truth = {row[0]: plain(row[1]) for row in test.pick((ids, model.data.target))}
    found = Rows.parse(b"id,prediction\n" + objects.read(scored), str(scored))
    if {row[0] for row in found.cells} != truth.keys() or len(found.cells) != len(truth):
        raise evaluation.EvaluationError(
            f"{scored}: has {len(found.cells)} rows; the {len(truth)} held-out rows are needed, each once"
        )
    rows = [(key, truth[key], plain(value)) for key, value in found.cells]
    document = _metrics(model, [row[1] for row in rows], [row[2] for row in rows])
    objects.write_json(home / _METRICS, document)
    objects.write(home / _ROWS, to_csv([("id", "label", "prediction"), *rows]))


def _metrics(model: spec.Model, labels: Sequence[str], predictions: Sequence[str]) -> dict[str, Any]:
    """Return the metrics in the shape of Model Monitor's model-quality statistics."""
    regression = model.evaluation.problem == "regression"
    problem = Problem.REGRESSION if regression else Problem.MULTICLASS
    values: dict[str, Any] = {
        score.name: {"value": score.of(labels, predictions)}
        for score in SCORES.values()
        if score.numeric == regression
    }
    if not regression:
        values["confusion_matrix"] = _confusion(labels, predictions)
    return {"version": 0.0, "dataset": {"item_count": len(labels)}, problem.value: values}


def _confusion(labels: Sequence[str], predictions: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
    names = sorted({*labels, *predictions})
    pairs = list(zip(labels, predictions, strict=True))
    return {truth: {guess: pairs.count((truth, guess)) for guess in names} for truth in names}


def plain(cell: str) -> str:
    """Return a number in its shortest form, so that a class `1.0` is the class `1`; other text as it is."""
    try:
        return f"{float(cell):.12g}"
    except ValueError:
        return cell.strip()


def _test(model: spec.Model, objects: Objects, made: dict[str, Any]) -> Rows:
    content = objects.read(Address.parse(made["test"]) / "test.csv")
    return Rows.parse(content, "held-out rows").with_ids(model.data.id_column)


def _golden(
    model: spec.Model, objects: Objects, made: dict[str, Any], predictions: Predictions
) -> list[dict[str, Any]]:
    """Return requests of a few held-out rows with what the offline model answered to them.

    Amazon's XGBoost answers several rows in one line of CSV, so an algorithm is asked row by row.
    """
    test = _test(model, objects, made)
    asked = test.pick(features(model, test.header))[:GOLDEN_ROWS]
    expected = [_value(each) for each in _in_order(model, test, predictions)[:GOLDEN_ROWS]]
    form = "text/csv" if model.is_algorithm else "application/json"
    step = 1 if model.is_algorithm else GOLDEN_ROWS
    return [
        {
            "Body": to_csv(asked[at : at + step]).decode(),
            "Expected": expected[at : at + step],
            "ContentType": "text/csv",
            "Accept": form,
        }
        for at in range(0, len(asked), step)
    ]


def _in_order(model: spec.Model, test: Rows, predictions: Predictions) -> Sequence[str]:
    """Return the predictions in the order of the held-out rows; as they are, where other ids are in them."""
    by_id = dict(zip(predictions.ids, predictions.predictions, strict=True))
    ids = [row[0] for row in test.pick((model.data.id_column or test.header[0],))]
    return [by_id[each] for each in ids] if by_id.keys() >= set(ids) else predictions.predictions


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
