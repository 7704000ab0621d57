"""The published JSON schema is the code's, and says of a spec what the loader says."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from sagewind import spec_schema

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "docs" / "reference" / "model-spec.schema.json"
VALIDATOR = Draft202012Validator(spec_schema.schema())


def test_the_published_schema_is_current():
    assert PUBLISHED.read_text() == spec_schema.text(), (
        f"python -m sagewind.spec_schema > {PUBLISHED.relative_to(ROOT)}"
    )


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(spec_schema.schema())


@pytest.mark.parametrize("file", sorted((ROOT / "dags" / "models").glob("*.yaml")), ids=lambda f: f.stem)
def test_our_own_specs_are_valid(file):
    assert list(VALIDATOR.iter_errors(yaml.safe_load(file.read_text()))) == []


@pytest.mark.parametrize(
    "change",
    [
        {"trainning": {}},  # a misspelt key
        {"training": {"volume_gb": "five"}},  # text for a number
        {"training": {"volume_gb": 0}},  # out of range
        {"name": "-x"},  # a name that SageMaker refuses
        {"score": {"champion": "yesterday"}},  # none of the choices
    ],
)
def test_what_the_loader_refuses_is_invalid(change):
    document = yaml.safe_load((ROOT / "dags" / "models" / "iris.yaml").read_text()) | change
    assert list(VALIDATOR.iter_errors(document))
