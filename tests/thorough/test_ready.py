"""What a run does before its first job: its table is its interval's, and what is there is not sent again."""

import pytest
from tests.thorough.test_broken_folder import FOLDER, PLACES, Cloud

from sagewind import pack
from sagewind.cost import BudgetExceededError
from sagewind.errors import SagewindError
from sagewind.steps import ready

BUCKET = "sagemaker-us-east-1-123456789012"
ROWS = (FOLDER / "good" / "flowers.csv").read_text().splitlines()


@pytest.fixture
def project(tmp_path):
    """The good project, but with a history of four days."""
    for place in PLACES.values():
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_bytes((FOLDER / "good" / place.rpartition("/")[2]).read_bytes())
    spec = tmp_path / PLACES["specs"]
    text = spec.read_text().replace("id_column: id", "id_column: id, history: history/, window_days: 3")
    spec.write_text(text)
    return spec


@pytest.fixture
def cloud():
    made = Cloud()
    for number in range(1, 5):
        day = [line.replace("f", f"f{number}") for line in ROWS[1:]]
        key = f"flowers/history/ds=2026-01-0{number}/rows.csv"
        made.s3.put(BUCKET, key, "\n".join([ROWS[0], *day]) + "\n")
    return made


@pytest.mark.parametrize(
    ("until", "days"),
    [
        ("2026-01-03T00:00:00+00:00", [1, 2]),  # the third day has just begun
        ("2026-01-04T04:00:00+00:00", [1, 2, 3]),
        ("2026-01-05T00:00:00+00:00", [2, 3, 4]),  # the first ended three days ago
    ],
)
def test_a_backfill_trains_on_what_its_interval_knew(project, cloud, until, days):
    made = ready.ready(project, data="", run_name="run-1", until=until, clients=cloud)
    assert made["files"] == [f"s3://{BUCKET}/flowers/history/ds=2026-01-0{day}/rows.csv" for day in days]
    assert made["rows"] == 8 * len(days)
    assert made["until"] == until


def trained_on(cloud, made):
    """Return the rows of the training channel."""
    prefix = made["train"].removeprefix(f"s3://{BUCKET}/")
    [key] = cloud.s3.keys(BUCKET, prefix)
    return cloud.s3.body(BUCKET, key).decode().splitlines()


def test_a_table_of_another_order_is_trained_on_in_the_order_of_the_specs_own(project, cloud):
    until = "2026-01-05T00:00:00+00:00"
    columns = ROWS[0].split(",")
    usual = trained_on(cloud, ready.ready(project, data="", run_name="run-1", until=until, clients=cloud))
    for number in range(1, 5):
        key = f"flowers/history/ds=2026-01-0{number}/rows.csv"
        lines = [line.split(",") for line in cloud.s3.body(BUCKET, key).decode().splitlines()]
        turned = [",".join([*reversed(line), "more"]) for line in lines]
        cloud.s3.put(BUCKET, key, "\n".join(turned) + "\n")
    made = ready.ready(project, data="", run_name="run-2", until=until, clients=cloud)
    assert trained_on(cloud, made) == usual
    assert usual[0].split(",") == columns


def test_a_table_that_lacks_a_column_of_the_specs_own_is_refused(project, cloud):
    lines = project.read_text().splitlines()
    project.write_text("\n".join(line for line in lines if "leaves:" not in line))
    short = "\n".join(",".join([*line.split(",")[:2], line.split(",")[3]]) for line in ROWS)
    cloud.s3.put("elsewhere", "rows.csv", short + "\n")
    with pytest.raises(
        SagewindError, match=r"s3://elsewhere/rows\.csv: has no column leaves; it has id, length, species"
    ):
        ready.ready(project, data="s3://elsewhere/rows.csv", run_name="run-1", until="", clients=cloud)


def test_what_shapes_the_training_files_is_in_their_key(project, cloud):
    until = "2026-01-05T00:00:00+00:00"
    first = ready.ready(project, data="", run_name="run-1", until=until, clients=cloud)
    project.write_text(project.read_text() + "score: {features: [leaves]}\n")
    second = ready.ready(project, data="", run_name="run-1", until=until, clients=cloud)
    assert second["train"] != first["train"]
    given = cloud.s3.body(BUCKET, second["held_out"].removeprefix(f"s3://{BUCKET}/")).decode()
    assert given.splitlines()[0].count(",") == 1


def test_a_machine_that_the_budget_does_not_allow_is_refused_before_anything_is_sent(project, cloud):
    project.write_text(project.read_text() + "\nbudget: {run: 1}\n")
    told = {"data": "", "run_name": "run-1", "until": "2026-01-05T00:00:00+00:00", "clients": cloud}
    with pytest.raises(BudgetExceededError, match="one run of flowers"):
        ready.ready(project, **told, instance_type="ml.m5.24xlarge")
    assert not cloud.account.called("PutObject")
    assert ready.ready(project, **told, instance_type="ml.m5.large")["train"]


def test_what_is_there_is_not_sent_again(project, cloud):
    first = ready.ready(project, data="", run_name="run-1", until="2026-01-05T00:00:00+00:00", clients=cloud)
    before = [call["Key"] for call in cloud.account.called("PutObject")]
    again = ready.ready(project, data="", run_name="run-1", until="2026-01-05T00:00:00+00:00", clients=cloud)
    sent = [call["Key"] for call in cloud.account.called("PutObject")][len(before) :]
    assert again == first
    assert not [key for key in sent if key.endswith((".csv", ".tar.gz"))]


def test_code_that_is_packed_on_s3_already_is_known_by_its_content_and_its_files_are_there(project, cloud):
    until = "2026-01-05T00:00:00+00:00"
    of_folder = ready.ready(project, data="", run_name="run-1", until=until, clients=cloud)
    folder, address = project.parents[1] / "script", "s3://elsewhere/code/sourcedir.tar.gz"
    cloud.s3.put("elsewhere", "code/sourcedir.tar.gz", pack.pack(folder)[1])
    text = project.read_text()
    assert "directory: ../script," in text
    project.write_text(text.replace("directory: ../script,", f'directory: "{address}",'))
    of_archive = ready.ready(project, data="", run_name="run-1", until=until, clients=cloud)
    assert of_archive == of_folder | {"code": address}
    assert of_archive["code_hash"]
    files = of_archive["scripts"].removeprefix(f"s3://{BUCKET}/")
    assert cloud.s3.body(BUCKET, f"{files}train.py") == (folder / "train.py").read_bytes()
