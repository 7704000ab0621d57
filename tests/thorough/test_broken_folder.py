"""A folder of broken specs, scripts and tables: each gives one clear error before any job is started."""

from pathlib import Path

import pytest

from sagewind import load
from sagewind.errors import SagewindError
from sagewind.steps import ready
from sagewind.testing import Account, client
from sagewind.testing.s3 import S3Twin

FOLDER = Path(__file__).parents[1] / "broken"
PLACES = {
    "specs": "dags/models/flowers.yaml",
    "scripts": "dags/script/train.py",
    "data": "dags/data/flowers.csv",
}
EXPECTED = [line.split(": ", 1) for line in (FOLDER / "expected.txt").read_text().splitlines()]


class Cloud:
    """S3 and STS: whatever else is asked of AWS is an error of the test."""

    def __init__(self):
        self.account, self.s3 = Account(), S3Twin()

    def __call__(self, service):
        who = {"Account": self.account.number, "Arn": "arn:aws:sts::123456789012:assumed-role/R/me"}
        names = ("PutObject", "GetObject", "HeadObject", "ListObjectsV2")
        answers = {
            "s3": {name: getattr(self.s3, f"_{name}") for name in names} | {"HeadBucket": lambda _: {}},
            "sts": {"GetCallerIdentity": lambda _: who},
        }
        return client(service, answers[service], self.account)


@pytest.fixture
def project(tmp_path):
    """A project in which everything is good."""
    for place in PLACES.values():
        (tmp_path / place).parent.mkdir(parents=True)
        good = next(file for file in (FOLDER / "good").iterdir() if file.name == Path(place).name)
        (tmp_path / place).write_bytes(good.read_bytes())
    return tmp_path


def begun(project):
    """Do what a run does before its first job."""
    where = project / PLACES["specs"]
    return ready.ready(where, data="", run_name="run-1", until="2026-01-01T00:00:00+00:00", clients=Cloud())


def test_the_good_ones_are_good(project):
    assert begun(project)["rows"] == 8


def test_the_folder_and_the_list_agree():
    files = {f"{file.parent.name}/{file.name}" for kind in PLACES for file in (FOLDER / kind).iterdir()}
    assert files == {name for name, _ in EXPECTED}
    assert len(files) >= 40


@pytest.mark.parametrize(("name", "words"), EXPECTED, ids=[name for name, _ in EXPECTED])
def test_each_gives_one_clear_error_before_any_job(project, name, words):
    file = FOLDER / name
    place = PLACES[file.parent.name]
    (project / place).write_bytes(file.read_bytes())
    with pytest.raises(SagewindError) as caught:
        begun(project)
    message = str(caught.value)
    assert words in message
    assert Path(place).name in message or file.parent.name == "scripts"  # or the line of the spec
    assert len(message) < 1000
    assert isinstance(caught.value, load.LoadError) or file.parent.name != "specs"
