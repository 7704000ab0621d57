"""A folder of broken specs: each gives one error, on one line, that names the file, the line and the key."""

from pathlib import Path

import pytest

from sagewind import load

ROOT = Path(__file__).parents[2]
DIABETES = (ROOT / "dags" / "models" / "diabetes.yaml").read_text()

BROKEN = [
    # schema
    ("type: integer, one_of", "type: int, one_of", "schema.columns.sex.type is 'int'"),
    ("minimum: 0, maximum: 120", "minimum: 130, maximum: 120", "schema.columns.age.minimum is 130"),
    ('pattern: "p[0-9]+"', 'pattern: "p[0-9"', "schema.columns.id.pattern is 'p[0-9'"),
    ("max_null_fraction: 0.3", "max_null_fraction: 3", "schema.columns.s6.max_null_fraction is 3"),
    ("unique: true", "unique: yes please", "schema.columns.id.unique is 'yes please'"),
    ("min_rows: 100", "min_rows: 0", "schema.min_rows is 0"),
    ("min_rows: 100", "min_rows: many", "schema.min_rows is 'many'"),
    ("  min_rows: 100\n", "  rows: 100\n", "schema.rows is no key of a spec"),
    ("  columns:\n", "  columns: []\n  other:\n", "schema.other is no key"),
    ("{type: string, unique", "{kind: string, unique", "schema.columns.id.kind is no key"),
    # evaluation
    ("share: 0.25", "share: 25", "evaluation.share is 25"),
    ("share: 0.25", "share: quarter", "evaluation.share is 'quarter'"),
    ("share: 0.25", "entry_point: measure.py", "evaluation.entry_point is 'measure.py'"),
    ("share: 0.25", "entry_point: measure.R", "evaluation.entry_point is 'measure.R'"),
    ("share: 0.25", "problem: ranking", "evaluation.problem is 'ranking'"),
    ("share: 0.25", "instance_type: m5.large", "evaluation.instance_type is 'm5.large'"),
    # gate
    ("r2: {at_least: 0.25}", "r2: {}", "gate.thresholds.r2.at_least is None"),
    ("r2: {at_least: 0.25}", "r2: {at_least: .inf}", "gate.thresholds.r2.at_least"),
    ("r2: {at_least: 0.25}", "r2: {minimum: 0.25}", "gate.thresholds.r2.minimum is no key"),
    ("r2: {at_least: 0.25}", "r2: {at_least: 2, at_most: 1}", "gate.thresholds.r2.at_least is 2"),
    ("metric: rmse, require", "metric: rsme, require", "gate.challenge.metric is 'rsme'"),
    ("require: not_worse", "require: better_please", "gate.challenge.require is 'better_please'"),
    ("margin: 3.0", "margin: -3", "gate.challenge.margin is -3"),
    ("margin: 3.0", "confidence: 95", "gate.challenge.confidence is 95"),
    # data
    ("target: progression\n  id", "target: progress: x\n  id", "is no YAML"),
    ("id_column: id", "id_column: [id]", "data.id_column is a list"),
    ("file: ../data/diabetes.csv", "file: ../data/none.csv", "data.file is '../data/none.csv'"),
    ("id_column: id", "history: /days", "data.history is '/days'"),
    ("id_column: id", "dynamodb: {table: x}", "data.dynamodb.table is 'x'"),
    ("id_column: id", "dynamodb: {table: people, export: ion}", "data.dynamodb.export is 'ion'"),
    (
        "id_column: id",
        "dynamodb: {table: people, attributes: {agee: a}}",
        "data.dynamodb.attributes.agee names 'agee'; did you mean 'age'? allowed are the columns of",
    ),
    ("id_column: id", "landing: {prefix: readings/}", "data.landing.prefix is 'readings/'"),
    ("id_column: id", "landing: {prefix: s3://bucket/r/, format: xml}", "data.landing.format is 'xml'"),
    ("id_column: id", "landing: {format: csv}", "data.landing.prefix is missing"),
    (
        "id_column: id",
        "history: days/\n  landing: {prefix: s3://bucket/r/}",
        "data.landing is 'given'; allowed is only one of history, dynamodb and landing; history is there",
    ),
    (
        "sample_rows: 60",
        "landing: {awaits: minute, prefix: s3://bucket/}",
        "score.landing.awaits is 'minute'",
    ),
    # schedules
    ('schedule: "0 4 * * 1"', "schedule: at four", "schedule is 'at four'"),
    ('score_schedule: "0 0 * * *"', 'score_schedule: "0 0 * *"', "score_schedule is '0 0 * *'"),
    # score, monitor, budget, approval, deadline
    ("champion: day", "champion: yesterday", "score.champion is 'yesterday'"),
    ("sample_rows: 60", "features: [age, progression]", "score.features has 'progression'"),
    ("sample_rows: 60", "features: [id]", "score.features has 'id'"),
    ("sample_rows: 60", "sample_rows: -1", "score.sample_rows is -1"),
    ("min_rows: 40", "alpha: 2", "monitor.alpha is 2"),
    ("run: 5", "run: 0", "budget.run is 0"),
    ("run: 5", "week: 5", "budget.week is no key"),
    ("run: 5", "month: plenty", "budget.month is 'plenty'"),
    ("budget:", "approval: {by: committee}\nbudget:", "approval.by is 'committee'"),
    ("budget:", "deadline: {minutes: -1}\nbudget:", "deadline.minutes is -1"),
    (
        "budget:",
        "deadline: {minutes: 1, arguments: {context: me}}\nbudget:",
        "deadline.arguments is 'context'",
    ),
    ("budget:", "notifications: {on_failure: slack}\nbudget:", "notifications.on_failure is 'slack'"),
    ("budget:", "account: {subnets: [subnet-1]}\nbudget:", "account.security_groups is ()"),
    (
        "budget:",
        "tuning: {objective: mae, ranges: {a: {minimum: 1, maximum: 2}}}\nbudget:",
        "tuning.objective is 'mae'",
    ),
    (
        "budget:",
        "tuning: {objective: r2, ranges: {a: {minimum: 2, maximum: 1}}}\nbudget:",
        "ranges.a.minimum is 2",
    ),
    ("budget:", "tuning: {objective: r2, ranges: {}}\nbudget:", "tuning.ranges is {}"),
    (
        "budget:",
        "tuning: {objective: r2, ranges: {a: {minimum: 1, maximum: .inf}}}\nbudget:",
        "ranges.a.maximum is inf",
    ),
    (
        "budget:",
        "tuning: {objective: r2, ranges: {a: {minimum: 0, maximum: 1, scale: Logarithmic}}}\nbudget:",
        "ranges.a.minimum is 0; allowed is a number above 0",
    ),
    (
        "budget:",
        "tuning: {objective: r2, ranges: {a: {minimum: .5, maximum: 1, scale: ReverseLogarithmic}}}\nbudget:",
        "ranges.a.scale is 'ReverseLogarithmic'; allowed is another one, or a range",
    ),
    (
        "budget:",
        "tuning: {objective: r2, ranges: {a: {minimum: 1, maximum: 2}}, strategy: Grid}\nbudget:",
        "tuning.strategy is 'Grid'",
    ),
    (
        "budget:",
        "tuning: {objective: r2, ranges: {a: {minimum: 1, maximum: 2}}, strategy: Hyperband}\nbudget:",
        "tuning.strategy is 'Hyperband'; allowed is another one, or one of the hyperparameters epochs",
    ),
    # what agrees neither with itself nor with the table
    ("target: progression\n  id", "target: progresion\n  id", "data.target names 'progresion'; did you mean"),
    ("id_column: id", "id_column: patient", "data.id_column names 'patient'; allowed are the columns of"),
    ("bmi: {type: number", "bim: {type: number", "schema.columns.bim names 'bim'; did you mean 'bmi'?"),
    ("sample_rows: 60", "features: [age, weight]", "score.features names 'weight'"),
    (
        'schedule: "0 4 * * 1"',
        'schedule: "61 4 * * 1"',
        "schedule is '61 4 * * 1'; allowed is what cron knows",
    ),
    ("minimum: 1, maximum: 2000", "minimum: 2000, maximum: 1", "n-estimators.minimum is 2000"),
    ("budget:", "tags: {aws:owner: me}\nbudget:", "tags.aws:owner is 'me'"),
    ("share: 0.25", "entry_point: ''\n  problem: classification", "gate.thresholds.r2 asks for 'r2'"),
    # what is there, and says nothing
    ("framework: scikit-learn", "framework:", "image.framework is empty; allowed is text"),
    ('version: "1.9-0"', 'version: "9.9-0"', "image.version is '9.9-0'; published are 0.20.0"),
    ("budget:\n  run: 5", "budget: 5", "budget is 5; allowed is a mapping with month, run"),
    # image and source
    ("framework: scikit-learn", "framework: sklearn", "image.framework is 'sklearn'"),
    ("directory: ../../sm_code/diabetes", "directory: ''", "source is ''"),
]


@pytest.fixture
def models(tmp_path):
    """A project with what the diabetes spec names."""
    for name in ("data/diabetes.csv",):
        (tmp_path / "dags" / "data").mkdir(parents=True)
        (tmp_path / "dags" / name).write_bytes((ROOT / "dags" / name).read_bytes())
    (tmp_path / "sm_code").symlink_to(ROOT / "sm_code")
    (tmp_path / "dags" / "models").mkdir()
    return tmp_path / "dags" / "models"


@pytest.mark.parametrize(("old", "new", "words"), BROKEN, ids=[row[2] for row in BROKEN])
def test_each_gives_one_error_that_names_file_and_line(models, old, new, words):
    assert old in DIABETES
    file = models / "diabetes.yaml"
    file.write_text(DIABETES.replace(old, new, 1))
    with pytest.raises(load.LoadError) as caught:
        load.load(file, environ={})
    message = str(caught.value)
    where, _, rest = message.partition(": ")
    name, _, line = where.rpartition(":")
    assert name == str(file), message
    assert 1 <= int(line) <= len(DIABETES.splitlines()) + 2
    assert words in rest
    assert "\n" not in message


def test_an_environment_is_laid_over_every_spec(models):
    file = models / "diabetes.yaml"
    file.write_text(DIABETES)
    (models.parent / "environments.yaml").write_text(
        "prod:\n"
        "  account: {role: prod-role, kms_key: alias/models}\n"
        "  training: {instance_type: ml.m5.xlarge}\n"
    )
    plain = load.load(file, environ={})
    laid = load.load(file, environ={"SAGEWIND_ENVIRONMENT": "prod"})
    assert (plain.account.role, laid.account.role) == ("SageMakerRole", "prod-role")
    assert laid.account.kms_key == "alias/models"
    assert laid.training.instance_type == "ml.m5.xlarge"
    assert laid.training.max_runtime_seconds == plain.training.max_runtime_seconds == 1800


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        # another environment than there are
        ("dev: {}\n", 1, "SAGEWIND_ENVIRONMENT is 'prod'; allowed are dev"),
        # what belongs to a model, not to a place
        ("prod:\n  name: other\n", 2, "prod.name is no key"),
        # a wrong value: the line is the overlay's, not the spec's
        ("prod:\n  account:\n    bucket: N_o\n", 3, "account.bucket is 'N_o'"),
    ],
)
def test_an_error_of_an_environment_names_its_own_file(models, text, line, words):
    (models / "diabetes.yaml").write_text(DIABETES)
    overlay = models.parent / "environments.yaml"
    overlay.write_text(text)
    with pytest.raises(load.LoadError) as caught:
        load.load(models / "diabetes.yaml", environ={"SAGEWIND_ENVIRONMENT": "prod"})
    assert str(caught.value).startswith(f"{overlay}:{line}: "), caught.value
    assert words in str(caught.value)
