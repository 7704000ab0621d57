"""The requests are exactly the golden ones, and are what AWS's own model allows.

`SAGEWIND_GOLDEN=write pytest tests/unit/test_requests.py` rewrites the golden file.
"""

import json
import os
from pathlib import Path

import botocore.session
import pytest
from botocore.validate import ParamValidator

from sagewind import form, images, load, requests, spec, waits

REPOSITORY = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden" / "iris_requests.json"
PLACE = requests.Place(
    role="arn:aws:iam::123456789012:role/SageMakerRole",
    image="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3",
    region="us-east-1",
    code="s3://bucket/iris/code/0011223344556677/sourcedir.tar.gz",
)


@pytest.fixture(scope="module")
def model():
    return load.load(REPOSITORY / "dags" / "models" / "iris.yaml")


def made(model, place=PLACE):
    """Every request of a run."""
    endpoint = requests.endpoint(model, name="iris-endpoint-1", model_name="iris-model-1")
    return {
        "CreateTrainingJob": requests.training(
            model,
            name="iris-train-1",
            place=place,
            data="s3://bucket/iris/data/8899aabbccddeeff/train/",
            output="s3://bucket/iris/models",
            hyperparameters={"n-estimators": "10", "target": "Species"},
            instance_type="ml.m5.large",
        ),
        "CreateModel": requests.create_model(
            model,
            name="iris-model-1",
            place=place,
            artifact="s3://bucket/iris/models/iris-train-1/output/model.tar.gz",
        ),
        "CreateEndpointConfig": endpoint["EndpointConfig"],
        "CreateEndpoint": endpoint["Endpoint"],
        "CreateTransformJob": requests.transform(
            model,
            name="iris-transform-1",
            model_name="iris-model-1",
            data="s3://bucket/iris/data/8899aabbccddeeff/features/features.csv",
            output="s3://bucket/iris/runs/run-1/scores",
        ),
    }


def test_the_requests_are_the_golden_ones(model):
    text = json.dumps(made(model), indent=1, sort_keys=True) + "\n"
    if os.environ.get("SAGEWIND_GOLDEN") == "write":
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


@pytest.fixture(scope="module")
def service():
    return botocore.session.Session().get_service_model("sagemaker")


@pytest.mark.parametrize("place", [PLACE, requests.Place.from_task("upload")], ids=["concrete", "templates"])
def test_the_requests_are_what_awss_model_allows(model, service, place):
    for operation, request in made(model, place).items():
        shape = service.operation_model(operation).input_shape
        assert not ParamValidator().validate(request, shape).generate_report(), operation


def test_a_template_pulls_what_a_task_returned():
    assert requests.returned("train", "Training", "TrainingJobName") == (
        "{{ ti.xcom_pull('train')['Training']['TrainingJobName'] }}"
    )


def test_the_form_offers_what_the_spec_says(model):
    fields = form.fields(model)
    assert list(fields) == ["n-estimators", "min-samples-leaf", "random-state", "instance_type", "data"]
    trees = fields["n-estimators"]
    assert (trees["type"], trees["default"], trees["minimum"], trees["maximum"]) == ("integer", 10, 1, 1000)
    assert fields["instance_type"]["enum"][0] == model.training.instance_type


def test_every_hyperparameter_reaches_the_script(model):
    sent = requests.hyperparameters(model)
    assert sent["n-estimators"] == "{{ params['n-estimators'] }}"
    assert sent["target"] == "Species"
    assert set(sent) == set(model.hyperparameters)


@pytest.mark.parametrize(
    ("version", "region", "registry"),
    [
        ("1.9-0", "us-east-1", "683313688378.dkr.ecr.us-east-1.amazonaws.com"),
        # China has accounts and a domain of its own
        ("1.2-1", "cn-north-1", "450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_an_image_has_its_regions_address(version, region, registry):
    uri = f"{registry}/sagemaker-scikit-learn:{version}-cpu-py3"
    assert images.uri(spec.Image(version=version), region) == uri


@pytest.mark.parametrize(
    ("image", "region", "words"),
    [
        ({"version": "9.9"}, "us-east-1", "image.version is '9.9'; published are 0.20.0"),
        ({"version": "1.9-0"}, "mars-1", "region is 'mars-1'; scikit-learn is in"),
        ({"version": "1.9-0", "python": "py39"}, "us-east-1", "image.python is 'py39'; 1.9-0 has py3"),
    ],
)
def test_an_image_that_is_not_published_is_an_error(image, region, words):
    with pytest.raises(images.ImageError, match=words.replace(".", r"\.")):
        images.uri(spec.Image(**image), region)


@pytest.mark.parametrize(("environ", "seconds"), [({}, 30), ({waits.LOCAL: "http://127.0.0.1:1"}, 1)])
def test_waiting_is_quick_only_where_it_costs_nothing(model, environ, seconds):
    wait = waits.for_job(model, 600, environ)
    assert wait["check_interval"] == seconds
    assert wait["max_attempts"] * seconds >= 600  # never given up before the job's own limit
    assert waits.for_endpoint(model, environ)["check_interval"] == seconds
