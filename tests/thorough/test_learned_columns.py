"""A version is given the columns that it learned, in its order, whatever the spec's table looks like now."""

import datetime as dt
import json

import pytest
from tests.thorough.test_broken_folder import FOLDER, PLACES, Cloud

from sagewind import profile, tasks
from sagewind.approvals import Approvals
from sagewind.registry import Artifacts, Candidate, Lineage, Registry, Serving
from sagewind.steps import contend, enrol, interval
from sagewind.steps.rows import RowsError
from sagewind.testing import client
from sagewind.testing.registry import RegistryTwin

BUCKET = "sagemaker-us-east-1-123456789012"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
JANUARY, MARCH = dt.datetime(2026, 1, 15, tzinfo=dt.UTC), dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


class World(Cloud):
    """S3, STS, a registry, and models that are there already."""

    def __init__(self):
        super().__init__()
        self.twin = RegistryTwin(account=self.account)

    def __call__(self, service):
        if service != "sagemaker":
            return super().__call__(service)
        registry = ("CreateModelPackageGroup", "CreateModelPackage", "DescribeModelPackage")
        names = (*registry, "ListModelPackages", "UpdateModelPackage")
        handlers = {name: getattr(self.twin, f"_{name}") for name in names}
        return client(service, {**handlers, "DescribeModel": lambda asked: asked}, self.account)

    def version(self, job="one", *, at, learned=()):
        """Register and approve a version that learned these columns; of none: one without a baseline."""
        where = ""
        if learned:
            made = profile.profile({name: ["1", "2"] for name in (*learned, "prediction")})
            self.s3.put(BUCKET, f"{job}.json", json.dumps(profile.to_statistics(made)))
            where = f"s3://{BUCKET}/{job}.json"
        lineage = Lineage(
            job=job, code_hash="c", data_hash="d", environment_hash="e", hyperparameters={}, metrics={}
        )
        artifacts = Artifacts(
            model_data=f"s3://{BUCKET}/{job}.tar.gz", evaluation="", statistics=where, constraints=""
        )
        told = {"group": "flowers", "description": "", "lineage": lineage, "artifacts": artifacts}
        registry = Registry(self("sagemaker"))
        version = registry.register(Candidate(**told, serving=Serving(image=IMAGE), tags={}))
        return Approvals(registry).approve(version, at=at, by="gate")


@pytest.fixture
def world():
    made = World()
    made.account.now = MARCH
    return made


@pytest.fixture
def spec(tmp_path):
    for place in PLACES.values():
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_bytes((FOLDER / "good" / place.rpartition("/")[2]).read_bytes())
    file = tmp_path / PLACES["specs"]
    file.write_text(file.read_text() + "  challenge: {metric: accuracy}\n")
    return file


def scored(spec, world):
    """Return the header and first row of what a day's transform job is given."""
    world.s3.put(BUCKET, "flowers/incoming/ds=2026-03-05/rows.csv", "leaves,id,length\n3,f1,1.5\n")
    told = interval.prepare(
        spec, day="2026-03-05", until="2026-03-06T00:00:00+00:00", name="job", clients=world
    )
    [key] = [key for key in world.s3.keys(BUCKET, "flowers/scores/") if key.endswith("part-00000.csv")]
    return told["partition"]["features"], world.s3.body(BUCKET, key).decode().strip()


def test_a_day_is_scored_in_the_order_that_the_champion_learned(spec, world):
    world.version(at=MARCH, learned=("leaves", "length"))
    assert scored(spec, world) == (["leaves", "length"], "f1,3,1.5")


def test_without_a_baseline_the_order_is_that_of_the_specs_table(spec, world):
    world.version(at=MARCH)
    assert scored(spec, world) == (["length", "leaves"], "f1,1.5,3")


@pytest.fixture
def made(world):
    """What `ready` told of the rows that are held out."""
    told = dict.fromkeys(("image", "code", "scripts"), "")
    world.s3.put(BUCKET, "test/test.csv", "id,length,leaves,species\nf1,1.5,3,rose\n")
    places = {"test": f"s3://{BUCKET}/test/", "held_out": "s3://usual", "run": f"s3://{BUCKET}/run/"}
    return {**told, **places, "role": "arn:aws:iam::123456789012:role/R", "region": "us-east-1"}


def contended(spec, world, made, at=""):
    world.s3.put(BUCKET, "new.tar.gz", b"")
    artifact = f"s3://{BUCKET}/new.tar.gz"
    jobs = contend.contend(spec, made=made, artifact=artifact, model_name="m", name="n", at=at, clients=world)
    return [job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] for job in jobs]


def test_the_champion_is_measured_on_the_columns_that_it_learned(spec, world, made):
    world.version(at=MARCH, learned=("leaves",))
    usual, own = contended(spec, world, made)
    assert (usual, own) == ("s3://usual", f"s3://{BUCKET}/run/held-out/champion/test.csv")
    assert world.s3.body(BUCKET, "run/held-out/champion/test.csv").decode() == "f1,3\n"


def test_a_champion_of_the_same_columns_is_measured_on_the_same_file(spec, world, made):
    world.version(at=MARCH, learned=("length", "leaves"))
    assert contended(spec, world, made) == ["s3://usual", "s3://usual"]


def test_a_column_that_is_gone_is_named_with_the_version_that_learned_it(spec, world, made):
    world.version(at=MARCH, learned=("thorns", "leaves"))
    with pytest.raises(
        RowsError, match=r"\(for version 1, which learned other columns\): has no column thorns"
    ):
        contended(spec, world, made)


@pytest.fixture
def scripted(spec):
    """A spec whose script measures."""
    spec.write_text(spec.read_text().replace('{entry_point: ""}', "{}"))
    (spec.parents[1] / "script" / "evaluate.py").write_text("")
    return spec


def measured_by_script(spec, world, made):
    """Return the scripts and the rows that each contender's job is given."""
    world.s3.put(BUCKET, "new.tar.gz", b"")
    told = {**made, "scripts": f"s3://{BUCKET}/flowers/code/new/files/"}
    jobs = contend.contend(
        spec, made=told, artifact=f"s3://{BUCKET}/new.tar.gz", model_name="m", name="n", clients=world
    )
    inputs = [
        {each["InputName"]: each["S3Input"]["S3Uri"] for each in job["ProcessingInputs"]} for job in jobs
    ]
    return [(each["code"], each["test"]) for each in inputs]


def test_a_script_measures_the_champion_on_the_columns_that_it_learned_in_their_order(scripted, world, made):
    world.version(at=MARCH, learned=("leaves", "length"))
    usual = (f"s3://{BUCKET}/flowers/code/new/files/", f"s3://{BUCKET}/test/")
    assert measured_by_script(scripted, world, made) == [
        usual,
        (usual[0], f"s3://{BUCKET}/run/held-out/champion/"),  # its own scripts are gone
    ]
    rows = world.s3.body(BUCKET, "run/held-out/champion/test.csv").decode()
    assert rows == "id,species,leaves,length\nf1,rose,3,1.5\n"


def test_a_champion_of_other_columns_is_measured_by_the_scripts_that_it_came_with(scripted, world, made):
    world.version(at=MARCH, learned=("leaves",))
    world.s3.put(BUCKET, "flowers/code/c/files/evaluate.py", "")
    [_, own] = measured_by_script(scripted, world, made)
    assert own == (f"s3://{BUCKET}/flowers/code/c/files/", f"s3://{BUCKET}/run/held-out/champion/")


def test_a_script_measures_a_champion_of_the_same_columns_as_it_does_the_new_model(scripted, world, made):
    world.version(at=MARCH, learned=("length", "leaves"))
    first, second = measured_by_script(scripted, world, made)
    assert first == second


def test_a_job_that_saved_no_model_is_told_where_it_should_have(spec, world, made):
    artifact = f"s3://{BUCKET}/one/output/model.tar.gz"
    with pytest.raises(contend.UnsavedError) as caught:
        contend.contend(spec, made=made, artifact=artifact, model_name="m", name="n", clients=world)
    assert str(caught.value) == (
        f"{artifact}: there is no such object: the training job left nothing in /opt/ml/model, where "
        "train.py is to save the model"
    )


def test_a_model_of_the_past_contends_with_the_champion_of_its_time(spec, world, made):
    world.version(at=MARCH, learned=("length", "leaves"))
    assert len(contended(spec, world, made)) == 2
    assert len(contended(spec, world, made, at=JANUARY.isoformat())) == 1


def settled(spec, world, version, at):
    return enrol.settle(
        spec, enrolled={"arn": version.arn}, answer="Approve", by="gate", at=at, clients=world
    )


def test_a_model_of_the_past_is_no_new_champion_and_is_not_deployed(spec, world):
    world.version("now", at=MARCH)
    told = settled(spec, world, world.version("then", at=JANUARY), JANUARY.isoformat())
    assert (told["version"], told["status"], told["champion"]) == (2, "Approved", 1)
    with pytest.raises(tasks.AirflowSkipException, match="version 2 counts from before version 1"):
        tasks.promoted(told)
    later = settled(spec, world, world.version("later", at=MARCH), "")
    assert tasks.promoted(later)["champion"] == 3
