"""Training jobs run for real: boto3 against the service, scikit-learn in an environment of its own."""

import json

import pytest
from tests.integration import training_jobs as jobs

WAITER = """
import signal, sys, time, os
def stop(*_):
    print("got SIGTERM", flush=True)
    open(os.environ["SM_MODEL_DIR"] + "/kept.txt", "w").write("kept")
    {end}
signal.signal(signal.SIGTERM, stop)
print("waiting", flush=True)
while True:
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def s3(aws):
    client = aws("s3")
    client.create_bucket(Bucket=jobs.BUCKET)
    client.put_object(Bucket=jobs.BUCKET, Key="iris/iris.csv", Body=jobs.iris())
    return client


@pytest.fixture(scope="module")
def sagemaker(aws, s3):
    return aws("sagemaker")


@pytest.fixture(scope="module")
def logs(aws):
    return aws("logs")


@pytest.fixture
def train(sagemaker, s3):
    """Run a source folder as a job to its end, and return its description."""

    def run(files, **changes):
        name = jobs.unique("job")
        sagemaker.create_training_job(**jobs.request(s3, name, files, **changes))
        return jobs.wait(sagemaker, name)

    return run


def keys(s3, name):
    listing = s3.list_objects_v2(Bucket=jobs.BUCKET, Prefix=f"out/{name}/")
    return sorted(entry["Key"].removeprefix(f"out/{name}/") for entry in listing.get("Contents", []))


def test_the_tutorials_script_trains(train, s3, logs, aws):
    job = train(
        {"train.py": jobs.TUTORIAL},
        hyperparameters={"n-estimators": "7", "target": '"species"'},
        algorithm={
            "MetricDefinitions": [
                {"Name": "train:accuracy", "Regex": "Accuracy=(.*)"},
                {"Name": "trees", "Regex": r"trees=(\d+)"},
                {"Name": "never", "Regex": "never=(.*)"},
            ]
        },
        InputDataConfig=[jobs.channel("train", f"s3://{jobs.BUCKET}/iris/")],
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    name = job["TrainingJobName"]
    model = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert model == f"s3://{jobs.BUCKET}/out/{name}/output/model.tar.gz"
    assert jobs.archive_names(s3, model) == ["model.joblib"]
    assert keys(s3, name) == ["output/model.tar.gz", "output/output.tar.gz"]
    metrics = {entry["MetricName"]: entry["Value"] for entry in job["FinalMetricDataList"]}
    assert metrics["trees"] == 7
    assert 0.9 < metrics["train:accuracy"] <= 1
    assert "never" not in metrics
    lines = jobs.log_lines(logs, name)
    assert "trees=7" in lines
    assert any("'never' got no value" in line for line in lines)
    steps = [(step["Status"], step["StatusMessage"]) for step in job["SecondaryStatusTransitions"]]
    assert [step[0] for step in steps] == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert len(set(steps)) == len(steps)
    assert job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert job["BillableTimeInSeconds"] >= 1
    found = aws("cloudwatch").get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName="train:accuracy",
        Dimensions=[{"Name": "TrainingJobName", "Value": name}],
        StartTime=job["TrainingStartTime"],
        EndTime=job["TrainingEndTime"].replace(year=2100),
        Period=60,
        Statistics=["Maximum"],
    )
    assert [point["Maximum"] for point in found["Datapoints"]] == [metrics["train:accuracy"]]


def test_the_script_sees_its_container(train, logs):
    script = """
import json, os, socket, sys
print(json.dumps({
    "argv": sys.argv, "cwd": os.getcwd(), "host": socket.gethostname(),
    "address": socket.gethostbyname("algo-1"),
    "config": {n: json.load(open("/opt/ml/input/config/" + n)) for n in os.listdir("/opt/ml/input/config")},
    "files": sorted(os.path.join(d, f) for d, _, fs in os.walk("/opt/ml/input/data") for f in fs),
    "env": {k: v for k, v in os.environ.items() if k.startswith("SM_") or k in ("MINE", "TRAINING_JOB_NAME")},
}))
"""
    job = train(
        {"sub/run.py": script},
        hyperparameters={"b": "[1, 2]", "a_long": "x y", "z": "true"},
        Environment={"MINE": "yes"},
        InputDataConfig=[
            jobs.channel("exact", f"s3://{jobs.BUCKET}/iris/iris.csv"),
            jobs.channel("prefix", f"s3://{jobs.BUCKET}/iris"),
        ],
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    seen = json.loads(next(x for x in jobs.log_lines(logs, job["TrainingJobName"]) if x.startswith("{")))
    assert seen["argv"] == ["sub/run.py", "--a_long", "x y", "-b", "[1, 2]", "-z", "True"]
    assert (seen["cwd"], seen["host"], seen["address"]) == ("/opt/ml/code", "algo-1", "127.0.0.1")
    assert seen["files"] == ["/opt/ml/input/data/exact/iris.csv", "/opt/ml/input/data/prefix/iris.csv"]
    assert seen["config"]["hyperparameters.json"] == job["HyperParameters"]
    assert seen["config"]["resourceconfig.json"]["hosts"] == ["algo-1"]
    assert seen["config"]["inputdataconfig.json"]["exact"] == {
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
    }
    assert seen["env"]["MINE"] == "yes"
    assert seen["env"]["TRAINING_JOB_NAME"] == job["TrainingJobName"]
    assert json.loads(seen["env"]["SM_HPS"]) == {"a_long": "x y", "b": [1, 2], "z": True}


def test_a_script_that_raises_fails_the_job_with_the_tracebacks_end(train, s3):
    job = train({"train.py": "print('before')\nraise ValueError('no such thing as ' + 'luck')"})
    assert job["TrainingJobStatus"] == "Failed"
    reason = job["FailureReason"]
    assert reason.startswith('AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage "')
    assert "ValueError: no such thing as luck" in reason
    assert "before" not in reason
    assert reason.endswith('Command "python train.py", exit code: 1')
    assert job["SecondaryStatusTransitions"][-1]["Status"] == "Failed"
    assert "ModelArtifacts" not in job
    assert keys(s3, job["TrainingJobName"]) == []


def test_the_failure_file_is_the_reason(train):
    script = "open('/opt/ml/output/failure', 'w').write('bad data'); raise SystemExit(7)"
    job = train({"train.py": script})
    assert job["FailureReason"] == "AlgorithmError: bad data, exit code: 7"


def test_a_killed_script_says_the_signal(train):
    job = train({"train.py": "import os; os.kill(os.getpid(), 9)"})
    assert job["TrainingJobStatus"] == "Failed"
    assert "ExitCode -9" in job["FailureReason"]
    assert "SIGKILL" in job["FailureReason"]


def test_the_toolkits_that_scripts_import_tell_of_the_job(train, logs):
    script = """
import sagemaker_containers
from sagemaker_containers.beta.framework import content_types, encoders, env, modules, transformer, worker
from sagemaker_training import environment
for told in (sagemaker_containers.training_env(), environment.Environment()):
    print("told", told.model_dir, told.current_host, told.hyperparameters, env.model_dir)
"""
    job = train({"train.py": script}, hyperparameters={"depth": "3"})
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    lines = jobs.log_lines(logs, job["TrainingJobName"])
    assert lines.count("told /opt/ml/model algo-1 {'depth': 3} /opt/ml/model") == 2, lines


def test_requirements_are_installed_on_top(train, logs):
    job = train({"train.py": "import cowsay; print(cowsay.__name__)", "requirements.txt": "cowsay==6.1\n"})
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert "cowsay" in jobs.log_lines(logs, job["TrainingJobName"])


def test_requirements_that_cannot_be_had_fail_with_the_resolvers_words(train):
    files = {"train.py": "print('never')", "requirements.txt": "scikit-learn==99.0\n"}
    job = train(files)
    assert job["TrainingJobStatus"] == "Failed"
    assert "InstallRequirementsError" in job["FailureReason"]
    assert "scikit-learn==99.0" in job["FailureReason"]


def test_a_missing_prefix_is_a_client_error(train):
    job = train({"train.py": ""}, InputDataConfig=[jobs.channel("train", f"s3://{jobs.BUCKET}/nothing/")])
    assert job["FailureReason"].startswith("ClientError: No S3 objects found under S3 URL")


def test_stop_gives_the_script_its_signal_and_keeps_the_model(sagemaker, s3, logs):
    name = jobs.unique("stop")
    sagemaker.create_training_job(**jobs.request(s3, name, {"t.py": WAITER.format(end="sys.exit(0)")}))
    jobs.wait_for_line(logs, name, "waiting")
    sagemaker.stop_training_job(TrainingJobName=name)
    job = jobs.wait(sagemaker, name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert jobs.archive_names(s3, job["ModelArtifacts"]["S3ModelArtifacts"]) == ["kept.txt"]
    assert "got SIGTERM" in jobs.log_lines(logs, name)
    assert "FailureReason" not in job


def test_the_longest_runtime_stops_the_job(train, s3):
    job = train({"t.py": WAITER.format(end="sys.exit(0)")}, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert jobs.archive_names(s3, job["ModelArtifacts"]["S3ModelArtifacts"]) == ["kept.txt"]


def test_a_command_of_the_request_runs_instead_of_a_script(train, logs):
    job = train(
        {},
        algorithm={
            "ContainerEntrypoint": ["/bin/bash"],
            "ContainerArguments": [
                "-c",
                "pwd; python -c 'import sklearn; print(sklearn.__version__)'",
            ],
        },
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert "1.9.0" in jobs.log_lines(logs, job["TrainingJobName"])


def test_the_job_cannot_write_elsewhere_nor_see_the_service(train, logs, sagelocal_service):
    script = f"""
import os, boto3
for place in ("/etc/mine", "/usr/mine", "/opt/mine"):
    try:
        open(place, "w")
        print("wrote", place)
    except OSError as error:
        print("refused", place)
print("state:", os.path.exists({str(sagelocal_service.data_dir / "state.db")!r}))
print("key:", os.environ["AWS_ACCESS_KEY_ID"][:4])
print("buckets:", [b["Name"] for b in boto3.client("s3").list_buckets()["Buckets"]])
open("/tmp/mine", "w").write("x")
"""
    job = train({"t.py": script})
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    lines = jobs.log_lines(logs, job["TrainingJobName"])
    assert [line for line in lines if line.startswith("refused")] == [
        "refused /etc/mine",
        "refused /usr/mine",
        "refused /opt/mine",
    ] or any("Not isolated" in line for line in lines)
    assert "state: False" in lines
    assert "key: ASIA" in lines
    assert any("training-tests" in line for line in lines)


def test_a_script_reaches_sagemaker_itself(train, logs):
    script = """
import json, os, boto3
name = json.loads(os.environ["SM_TRAINING_ENV"])["job_name"]
print("I am", boto3.client("sagemaker").describe_training_job(TrainingJobName=name)["TrainingJobStatus"])
try:
    boto3.client("sagemaker-runtime").invoke_endpoint(EndpointName="none-such", Body=b"")
except Exception as error:
    print(error)
"""
    job = train({"t.py": script})
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    lines = jobs.log_lines(logs, job["TrainingJobName"])
    assert "I am InProgress" in lines
    assert any("Endpoint none-such" in line for line in lines)


def test_a_job_with_network_isolation_reaches_nothing(train, logs):
    script = (
        "import os, socket, urllib.parse\n"
        "place = urllib.parse.urlsplit(os.environ['AWS_ENDPOINT_URL'])\n"
        "print('reached', socket.socket().connect_ex((place.hostname, place.port)) == 0)"
    )
    for isolated in (True, False):
        job = train({"t.py": script}, EnableNetworkIsolation=isolated)
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        assert f"reached {not isolated}" in jobs.log_lines(logs, job["TrainingJobName"])


def test_ten_thousand_lines_arrive_in_order(train, logs):
    job = train({"t.py": "for n in range(10000): print('line', n)"})
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    lines = [line for line in jobs.log_lines(logs, job["TrainingJobName"]) if line.startswith("line ")]
    assert lines == [f"line {n}" for n in range(10000)]
