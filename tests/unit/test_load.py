"""A spec file becomes a spec, or one error that names file, line, key, the value got and what is allowed."""

from pathlib import Path

import pytest

from sagewind import load

REPOSITORY = Path(__file__).parents[2]
IRIS = REPOSITORY / "dags" / "models" / "iris.yaml"

GOOD = """\
name: flowers
image: {version: "1.9-0"}
source:
  directory: code
  entry_point: train.py
data:
  file: table.csv
  target: Species
hyperparameters:
  trees:
    default: 10
    minimum: 1
metrics:
  accuracy: {regex: "Accuracy=([0-9.]+);"}
training:
  volume_gb: 5
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with the files that the good spec names."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("print('Accuracy=1;')\n")
    (tmp_path / "table.csv").write_text("a,Species\n1,x\n")
    return tmp_path


def write(folder, text):
    """Write the spec file."""
    file = folder / "model.yaml"
    file.write_text(text)
    return file


def test_the_iris_spec_loads():
    model = load.load(IRIS)
    assert model.name == "iris"
    assert model.endpoint_name == "iris"
    assert list(model.hyperparameters) == ["n-estimators", "min-samples-leaf", "random-state", "target"]
    assert load.data_file(model) == REPOSITORY / "dags" / "data" / "iris.csv"
    assert load.source_directory(model) == REPOSITORY / "sm_code" / "iris"


def test_a_good_spec_has_defaults(folder):
    model = load.load(write(folder, GOOD))
    assert model.training.instance_type == "ml.m5.large"
    assert model.training.volume_gb == 5
    assert model.hyperparameters["trees"].default == 10
    assert type(model.hyperparameters["trees"].default) is int
    assert model.path == folder / "model.yaml"


BROKEN = [
    # a misspelt key at the top, with the right one beside it
    (
        "training:",
        "trainning:",
        15,
        ["trainning is no key", "did you mean 'training'?", "allowed are account"],
    ),
    # a misspelt key further down
    ("volume_gb:", "volume_bg:", 16, ["training.volume_bg", "did you mean 'volume_gb'?"]),
    # nothing near it: no guess
    ("volume_gb:", "zzz:", 16, ["training.zzz is no key of a spec; allowed are"]),
    # text where a number belongs
    ("volume_gb: 5", "volume_gb: five", 16, ["training.volume_gb is 'five'", "allowed is a whole number"]),
    # true is no number
    ("volume_gb: 5", "volume_gb: true", 16, ["training.volume_gb is True", "a whole number"]),
    # a number out of range
    ("volume_gb: 5", "volume_gb: 0", 16, ["training.volume_gb is 0", "a number from 1 to 16384"]),
    # a version that YAML takes for a number
    ('version: "1.9-0"', "version: 1.9", 2, ["image.version is 1.9", "allowed is text; put it in quotes"]),
    # a list where a mapping belongs
    (
        "training:\n  volume_gb: 5",
        "training: [1]",
        15,
        ["training is a list", "a mapping with instance_count, instance_type"],
    ),
    # a required key that is not there
    ("  target: Species\n", "", 7, ["data.target is missing"]),
    # the same key twice
    ("name: flowers", "name: flowers\nname: roses", 2, ["name is given twice"]),
    # a name that SageMaker would refuse
    ("name: flowers", "name: -flowers", 1, ["name is '-flowers'", "letters, digits and inner hyphens"]),
    # a name that leaves no room for the rest
    ("name: flowers", "name: " + "a" * 33, 1, ["at most 32 characters"]),
    # a regular expression that is none
    ("([0-9.]+);", "([0-9.]+;", 14, ["metrics.accuracy.regex", "a regular expression ("]),
    # a regular expression without a group has no value
    ("([0-9.]+);", "[0-9.]+;", 14, ["with one group; it has 0"]),
    # a default that its own limit forbids
    ("default: 10", "default: 0", 11, ["hyperparameters.trees.default is 0", "a number from 1"]),
    # a hyperparameter name that is no argument
    ("  trees:", "  'a b':", 11, ["'a b'", "letters, digits"]),
    # an entry point that is not there: those that are
    (
        "entry_point: train.py",
        "entry_point: trian.py",
        5,
        ["source.entry_point is 'trian.py'", "has train.py"],
    ),
    # no such folder
    ("directory: code", "directory: cod", 4, ["source.directory is 'cod'", "no folder is at", "s3://"]),
    # no such table
    ("file: table.csv", "file: tabel.csv", 7, ["data.file is 'tabel.csv'", "no file is at"]),
    # no metric: nothing to judge the run by
    ('  accuracy: {regex: "Accuracy=([0-9.]+);"}', "  {}", 14, ["metrics", "at least one metric"]),
    # no YAML at all
    ("name: flowers", "name: [flowers", 2, ["is no YAML"]),
    # a key that only the loader sets
    ("name: flowers", "name: flowers\npath: x", 2, ["path is no key of a spec"]),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), BROKEN)
def test_a_broken_spec_says_where_and_what(folder, old, new, line, words):
    assert old in GOOD
    file = write(folder, GOOD.replace(old, new))
    with pytest.raises(load.LoadError) as caught:
        load.load(file)
    message = str(caught.value)
    assert message.startswith(f"{file}:{line}: "), message
    for each in words:
        assert each in message
    assert "\n" not in message


def test_an_empty_file_is_an_error(folder):
    with pytest.raises(load.LoadError, match=r"model\.yaml:1: is empty"):
        load.load(write(folder, "# nothing\n"))


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(load.LoadError, match=r"none\.yaml:1: cannot be read"):
        load.load(tmp_path / "none.yaml")


def test_a_relative_path_that_leads_nowhere_is_told_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(load.LoadError) as caught:
        load.load("models/none.yaml")
    whole = tmp_path / "models" / "none.yaml"
    assert str(caught.value) == f"{whole}:1: cannot be read: No such file or directory"


def test_code_may_be_on_s3_already(folder):
    model = load.load(
        write(folder, GOOD.replace("directory: code", "directory: s3://bucket/sourcedir.tar.gz"))
    )
    assert load.source_directory(model) is None
