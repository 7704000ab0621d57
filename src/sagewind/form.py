"""The spec as Airflow's trigger form: what each field is called, offers and refuses.

Each field is the keyword arguments of `airflow.sdk.Param` (a JSON schema and a default), so that nothing here
needs Airflow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagewind import spec

_TYPES = {str: "string", int: "integer", float: "number"}


def fields(model: spec.Model) -> dict[str, dict[str, Any]]:
    """Return the fields of the training form: each hyperparameter, the machine and the data."""
    return {
        **{name: _hyperparameter(each) for name, each in model.hyperparameters.items() if not each.fixed},
        "instance_type": {
            "default": model.training.instance_type,
            "type": "string",
            "enum": list(model.instance_types),
            "title": "Instance type",
            "description": "The machine of the training job.",
            "section": "Where",
        },
        "data": {
            "default": None,  # an empty text would be a field that must be filled in
            "type": ["null", "string"],
            "pattern": r"^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+\.csv)?$",
            "title": "Training data",
            "description": f"s3://… of a CSV file with a header and the column {model.data.target}. "
            f"Empty: {_otherwise(model.data)}.",
            "section": "Where",
        },
    }


def interval_fields(model: spec.Model) -> dict[str, dict[str, Any]]:
    """Return the fields of the scoring form: the day, and which champion."""
    return {
        "day": {
            "default": None,
            "type": ["null", "string"],
            "format": "date",
            "title": "Day",
            "description": "Empty: the day of the run's data interval.",
        },
        "champion": {
            "default": model.score.champion,
            "type": "string",
            "enum": ["day", "today"],
            "title": "Champion",
            "description": "Which model scores: the champion of that day, or today's.",
        },
    }


def _otherwise(data: spec.Data) -> str:
    """Say what a run is trained on when nobody chooses."""
    if data.dynamodb is not None:
        return f"the DynamoDB table {data.dynamodb.table}"
    if data.landing is not None:
        return f"what has landed in {data.landing.prefix}"
    return f"the days in {data.history}" if data.history else "the file that travels with the DAG"


def _hyperparameter(each: spec.Hyperparameter) -> dict[str, Any]:
    limits = {"minimum": each.minimum, "maximum": each.maximum, "enum": list(each.choices) or None}
    return {
        "default": each.default,
        "type": _TYPES[type(each.default)],
        "title": each.title or each.name,
        "description": each.description or None,
        "section": "Hyperparameters",
        **{name: limit for name, limit in limits.items() if limit is not None},
    }
