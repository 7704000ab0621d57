"""What stands for the toolkits in images: codecs, responses and errors as the toolkits have them."""

import io
import json
import sys

import numpy as np
import pytest

from sagelocal.container import images
from sagelocal.container.stand_ins.sagemaker_containers.beta import framework
from sagelocal.container.stand_ins.sagemaker_containers.beta.framework import encoders, worker
from sagelocal.container.stand_ins.sagemaker_inference import decoder, encoder, errors
from sagelocal.container.stand_ins.sagemaker_training import environment

JSON, CSV, NPY, NPZ = "application/json", "text/csv", "application/x-npy", "application/x-npz"


@pytest.mark.parametrize(
    ("value", "kind", "want"),
    [
        ([[1, 2], [3, 4]], CSV, "1,2\n3,4\n"),
        (np.array([1.5, 2.0]), CSV, "1.5\n2.0\n"),
        (["a", 'b"c'], CSV, 'a\n"b""c"\n'),
        (np.array([[1.0]]), JSON, "[[1.0]]"),
        ({"instances": [{"features": np.float32(2)}]}, JSON, '{"instances": [{"features": 2.0}]}'),
    ],
)
def test_sagemaker_containers_encodes(value, kind, want):
    assert encoders.encode(value, kind) == want


@pytest.mark.parametrize(
    ("body", "kind", "want"),
    [
        ("1,2\n3,4.5\n", CSV, [[1, 2], [3, 4.5]]),
        ("1,2", CSV, [1, 2]),  # one row is one-dimensional
        ("a,1\nb,2", CSV, [["a", "1"], ["b", "2"]]),
        ("[[1], [2]]", JSON, [[1], [2]]),
    ],
)
def test_sagemaker_containers_decodes(body, kind, want):
    assert encoders.decode(body, kind).tolist() == want


def test_csv_that_is_none_is_a_client_error():
    with pytest.raises(framework.errors.ClientError, match="Error while decoding csv"):
        encoders.decode("1,2\n3", CSV)
    with pytest.raises(framework.errors.ClientError, match="dtype is: int"):
        encoders.csv_to_numpy("a", dtype="int")


@pytest.mark.parametrize(("write", "read"), [(encoders, encoders), (encoder, decoder)])
def test_npy_goes_there_and_back_and_pickles_do_not(write, read):
    assert read.decode(write.encode(np.arange(3), NPY), NPY).tolist() == [0, 1, 2]
    pickled = io.BytesIO()
    np.save(pickled, np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        read.decode(pickled.getvalue(), NPY)


def test_unknown_types_are_refused_in_the_toolkits_words():
    for refused in (framework.errors.UnsupportedFormatError, errors.UnsupportedFormatError):
        codec = decoder if refused is errors.UnsupportedFormatError else encoders
        with pytest.raises(refused, match="Content type a/b is not supported by this framework"):
            codec.decode("", "a/b")


def test_a_response_has_what_flasks_has():
    answer = worker.Response("é", mimetype=CSV)
    assert (answer.get_data(), answer.get_data(as_text=True)) == ("é".encode(), "é")
    assert (answer.status_code, answer.mimetype, answer.content_type) == (200, CSV, "text/csv; charset=utf-8")
    refused = worker.Response([b"a", "b"], status="415 UNSUPPORTED MEDIA TYPE")
    assert (refused.data, refused.status_code, refused.content_type) == (b"ab", 415, JSON)
    assert worker.Response(status=204, headers={"Content-Type": "a/b"}).content_type == "a/b"


def test_the_training_environment_is_what_the_variable_says(monkeypatch):
    monkeypatch.setenv("SM_TRAINING_ENV", json.dumps({"hosts": ["algo-1"], "hyperparameters": {"depth": 3}}))
    for told in (framework.training_env(), environment.Environment()):
        assert (told.hosts, told.hyperparameters["depth"]) == (["algo-1"], 3)
        with pytest.raises(AttributeError, match="no 'model'; it has hosts, hyperparameters"):
            _ = told.model


def test_what_is_not_there_says_so():
    with pytest.raises(AttributeError, match=r"without transformer\.Transformer"):
        _ = framework.transformer.Transformer
    with pytest.raises(AttributeError, match=r"without modules\.download_and_install"):
        _ = framework.modules.download_and_install


@pytest.mark.parametrize(
    ("uri", "want"),
    [
        (
            "sagemaker-scikit-learn:1.9-0",
            {"sagemaker_containers", "sagemaker_inference", "sagemaker_training"},
        ),
        ("sagemaker-xgboost:3.0-5", {"sagemaker_containers", "sagemaker_inference"}),
        ("knn:1", set()),
        ("pytorch-inference:2.9.0", {"sagemaker_inference", "sagemaker_training"}),
    ],
)
def test_an_image_has_those_that_it_has_in_truth(uri, want):
    found = images.resolve(uri, interpreter=(3, 11)).stand_ins
    assert {name.partition("/")[0] for name, _ in found} == want
    assert not any(
        "sagelocal." in line for _, text in found for line in text.splitlines() if "import" in line
    )


def test_they_need_no_package_but_numpy():
    known = {*sys.stdlib_module_names, "numpy", "__future__"}
    lines = [
        line.split()
        for _, text in images.resolve("sagemaker-scikit-learn:1.9-0").stand_ins
        for line in text.splitlines()
    ]
    asked = {words[1].partition(".")[0] for words in lines if words[:1] in (["import"], ["from"])}
    assert asked - known <= {""}
