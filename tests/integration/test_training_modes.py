"""The rest of training, for real: pipes, several hosts, checkpoints, packages, plain output."""

import gzip
import json
import os
import signal

import pytest
from tests.integration import training_jobs as jobs

from sagelocal.container import isolation
from sagelocal.serving import recordio


@pytest.fixture(scope="module")
def s3(aws):
    client = aws("s3")
    client.create_bucket(Bucket=jobs.BUCKET)
    for number in range(3):
        client.put_object(Bucket=jobs.BUCKET, Key=f"parts/{number}", Body=f"part {number}\n".encode())
        packed = gzip.compress(f"part {number}\n".encode())
        client.put_object(Bucket=jobs.BUCKET, Key=f"packed/{number}.gz", Body=packed)
    return client


@pytest.fixture(scope="module")
def sagemaker(aws, s3):
    return aws("sagemaker")


@pytest.fixture(scope="module")
def logs(aws):
    return aws("logs")


@pytest.fixture
def train(sagemaker, s3):
    def run(files, **changes):
        name = jobs.unique("mode")
        sagemaker.create_training_job(**jobs.request(s3, name, files, **changes))
        return jobs.wait(sagemaker, name)

    return run


def printed(logs, job, host="algo-1"):
    """Return the JSON lines that a script printed."""
    return [json.loads(x) for x in jobs.log_lines(logs, job["TrainingJobName"], host) if x.startswith("{")]


READ_PIPES = """
import json, os
for epoch in range(2):
    with open(f"/opt/ml/input/data/train_{epoch}", "rb") as pipe:
        print(json.dumps({"epoch": epoch, "hex": pipe.read().hex()}), flush=True)
"""


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        ({"prefix": "parts/"}, b"part 0\npart 1\npart 2\n"),
        ({"prefix": "packed/", "CompressionType": "Gzip"}, b"part 0\npart 1\npart 2\n"),
        (
            {"prefix": "parts/", "RecordWrapperType": "RecordIO"},
            b"".join(recordio.write(f"part {n}\n".encode()) for n in range(3)),
        ),
    ],
)
def test_a_pipe_carries_the_whole_channel_once_an_epoch(train, logs, channel, expected):
    entry = jobs.channel("train", f"s3://{jobs.BUCKET}/{channel.pop('prefix')}")
    job = train({"t.py": READ_PIPES}, InputDataConfig=[{**entry, "InputMode": "Pipe", **channel}])
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert [(line["epoch"], bytes.fromhex(line["hex"])) for line in printed(logs, job)] == [
        (0, expected),
        (1, expected),
    ]


def test_a_script_that_never_reads_its_pipe_ends(train):
    entry = jobs.channel("train", f"s3://{jobs.BUCKET}/parts/")
    job = train({"t.py": "print('no need')"}, InputDataConfig=[{**entry, "InputMode": "Pipe"}])
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")


def test_an_augmented_manifest_comes_as_records_of_its_attributes(train, s3, logs):
    lines = [{"source-ref": f"s3://{jobs.BUCKET}/parts/{n}", "label": n} for n in range(2)]
    s3.put_object(Bucket=jobs.BUCKET, Key="augmented", Body="\n".join(map(json.dumps, lines)).encode())
    entry = jobs.channel(
        "train",
        f"s3://{jobs.BUCKET}/augmented",
        S3DataType="AugmentedManifestFile",
        AttributeNames=["source-ref", "label"],
    )
    job = train(
        {"t.py": READ_PIPES},
        InputDataConfig=[{**entry, "InputMode": "Pipe", "RecordWrapperType": "RecordIO"}],
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    data = bytes.fromhex(printed(logs, job)[0]["hex"])
    assert list(recordio.read(data)) == [b"part 0\n", b"0", b"part 1\n", b"1"]


def test_an_augmented_manifest_as_files_is_refused_with_the_reason(train):
    entry = jobs.channel("train", f"s3://{jobs.BUCKET}/parts/0", S3DataType="AugmentedManifestFile")
    job = train({"t.py": ""}, InputDataConfig=[entry])
    assert job["FailureReason"].startswith("ClientError: Channel 'train': an AugmentedManifestFile needs")


def test_a_manifest_and_fast_file_mode(train, s3, logs):
    manifest = json.dumps([{"prefix": f"s3://{jobs.BUCKET}/parts/"}, "2", "0"])
    s3.put_object(Bucket=jobs.BUCKET, Key="manifest", Body=manifest.encode())
    entry = jobs.channel("train", f"s3://{jobs.BUCKET}/manifest", S3DataType="ManifestFile")
    script = "import json, os; print(json.dumps({'files': sorted(os.listdir('/opt/ml/input/data/train'))}))"
    job = train({"t.py": script}, InputDataConfig=[{**entry, "InputMode": "FastFile"}])
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert printed(logs, job) == [{"files": ["0", "2"]}]
    said = "[sagelocal] Channel 'train': FastFile data is fetched now, all of it"
    assert any(line.startswith(said) for line in jobs.log_lines(logs, job["TrainingJobName"]))


HOSTS = """
import json, os, socket, time
me = os.environ["SM_CURRENT_HOST"]
hosts = json.loads(os.environ["SM_HOSTS"])
if me == "algo-1":
    server = socket.create_server((socket.gethostbyname(me), 7777))
    heard = sorted(server.accept()[0].recv(100).decode() for _ in hosts[1:])
else:
    heard = []
    for _ in range(200):
        try:
            with socket.create_connection((socket.gethostbyname("algo-1"), 7777)) as connection:
                connection.sendall(me.encode())
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
config = json.load(open("/opt/ml/input/config/resourceconfig.json"))
print(json.dumps({"me": me, "hosts": hosts, "heard": heard, "name": socket.gethostname(),
    "current": config["current_host"], "files": sorted(os.listdir("/opt/ml/input/data/train"))}), flush=True)
open(os.environ["SM_MODEL_DIR"] + "/" + me, "w").write(me)
"""


def test_several_hosts_are_several_processes_that_reach_each_other(train, s3, logs):
    job = train(
        {"t.py": HOSTS},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 3, "VolumeSizeInGB": 1},
        InputDataConfig=[
            jobs.channel("train", f"s3://{jobs.BUCKET}/parts/", S3DataDistributionType="ShardedByS3Key")
        ],
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    names = ["algo-1", "algo-2", "algo-3"]
    said = {name: printed(logs, job, name)[0] for name in names}
    assert all(
        (line["me"], line["name"], line["current"], line["hosts"]) == (name, name, name, names)
        for name, line in said.items()
    )
    assert said["algo-1"]["heard"] == ["algo-2", "algo-3"]
    assert [said[name]["files"] for name in names] == [["0"], ["1"], ["2"]]
    assert jobs.archive_names(s3, job["ModelArtifacts"]["S3ModelArtifacts"]) == names


LINKS = """
import os, pathlib, sys
os.chdir("/opt/ml")
home, me = sys.argv[2], os.environ["SM_CURRENT_HOST"]
if me == "algo-1":
    pathlib.Path("/tmp/out").mkdir()
    pathlib.Path("/tmp/out/ckpt").write_text("w")
    os.symlink("/opt/ml/model/ckpt", "/tmp/out/best")
    os.rmdir("model")
    os.symlink("/tmp/out", "model")
    os.rmdir("output/data")
    os.symlink(home, "output/data")
else:
    os.rmdir("model")
    os.symlink(home, "model")
    pathlib.Path("output/data/note").write_text("n")
"""


def test_links_lead_where_the_hosts_saw_them_lead_and_to_nothing_of_the_machines(train, s3, logs, tmp_path):
    if not isolation.probe("auto").bwrap:
        pytest.skip("not isolated, the script itself could write there")
    (tmp_path / "thesis").write_text("precious")
    job = train(
        {"t.py": LINKS},
        hyperparameters={"home": json.dumps(str(tmp_path))},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis"]
    model = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert jobs.archive_names(s3, model) == ["best", "ckpt"]
    output = model.replace("model.tar.gz", "output.tar.gz")
    assert jobs.archive_names(s3, output) == ["note"]
    said = [line for line in jobs.log_lines(logs, job["TrainingJobName"]) if "Left out of" in line]
    assert [line.partition(" leads to ")[0] for line in sorted(said)] == [
        "[sagelocal] Left out of model: /opt/ml/model",
        "[sagelocal] Left out of output: /opt/ml/output/data",
    ]


GROUPED = """
import json, os
data = "/opt/ml/input/data"
print(json.dumps({"channels": json.loads(os.environ["SM_CHANNELS"]), "pipe": open(f"{data}/all_0").read(),
    "own": os.path.isdir(f"{data}/own")}))
"""


def test_pipes_are_shared_out_and_a_channel_is_for_its_instance_groups(train, logs):
    uri = f"s3://{jobs.BUCKET}/parts/"
    groups = [
        {"InstanceGroupName": name, "InstanceType": kind, "InstanceCount": 1}
        for name, kind in (("a", "ml.m5.large"), ("b", "ml.c5.xlarge"))
    ]
    job = train(
        {"t.py": GROUPED},
        ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 1},
        InputDataConfig=[
            {**jobs.channel("all", uri, S3DataDistributionType="ShardedByS3Key"), "InputMode": "Pipe"},
            jobs.channel("own", uri, InstanceGroupNames=["b"]),
        ],
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert [printed(logs, job, host)[0] for host in ("algo-1", "algo-2")] == [
        {"channels": ["all"], "pipe": "part 0\npart 2\n", "own": False},
        {"channels": ["all", "own"], "pipe": "part 1\n", "own": True},
    ]


def test_one_failing_host_fails_the_job_and_stops_the_others(train):
    script = """
import os, time
if os.environ["SM_CURRENT_HOST"] == "algo-2":
    raise RuntimeError("bad host")
time.sleep(600)
"""
    job = train(
        {"t.py": script},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
    )
    assert job["TrainingJobStatus"] == "Failed"
    assert "bad host" in job["FailureReason"]


COUNTER = """
import os, time
path = "/opt/ml/checkpoints/step"
done = int(open(path).read()) if os.path.exists(path) else 0
print("starts at", done, flush=True)
for step in range(done + 1, 4):
    open(path, "w").write(str(step))
    print("step", step, flush=True)
    if step == 2 and done == 0:
        time.sleep(600)
"""


def test_an_interrupted_spot_job_goes_on_from_its_checkpoint(sagemaker, s3, logs, sagelocal_service):
    name = jobs.unique("spot")
    uri = f"s3://{jobs.BUCKET}/checkpoints/{name}"
    sagemaker.create_training_job(
        **jobs.request(
            s3,
            name,
            {"t.py": COUNTER},
            CheckpointConfig={"S3Uri": uri},
            EnableManagedSpotTraining=True,
            StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 600},
        )
    )
    jobs.wait_for_line(logs, name, "step 2")
    pid = (sagelocal_service.data_dir / "jobs" / "training-job" / name / "pid").read_text()
    os.kill(int(pid), signal.SIGUSR1)
    job = jobs.wait(sagemaker, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    lines = [line for line in jobs.log_lines(logs, name) if line.startswith(("starts", "step"))]
    assert lines == ["starts at 0", "step 1", "step 2", "starts at 2", "step 3"]
    steps = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert steps == [
        *("Starting", "Downloading", "Training", "Interrupted"),
        *("Downloading", "Training", "Uploading", "Completed"),
    ]
    kept = s3.get_object(Bucket=jobs.BUCKET, Key=f"checkpoints/{name}/step")["Body"].read()
    assert kept == b"3"


TWICE = """
import os, time
mark = "/opt/ml/checkpoints/mark"
again = os.path.exists(mark)
open(mark, "w").write("1")
time.sleep(2.5)
print("ran", flush=True)
time.sleep(0 if again else 600)
"""


def test_the_attempts_of_an_interrupted_job_share_one_max_runtime(sagemaker, s3, logs, sagelocal_service):
    name = jobs.unique("spot")
    sagemaker.create_training_job(
        **jobs.request(
            s3,
            name,
            {"t.py": TWICE},
            CheckpointConfig={"S3Uri": f"s3://{jobs.BUCKET}/checkpoints/{name}"},
            EnableManagedSpotTraining=True,
            StoppingCondition={"MaxRuntimeInSeconds": 4, "MaxWaitTimeInSeconds": 600},
        )
    )
    jobs.wait_for_line(logs, name, "ran")
    pid = (sagelocal_service.data_dir / "jobs" / "training-job" / name / "pid").read_text()
    os.kill(int(pid), signal.SIGUSR1)
    assert jobs.wait(sagemaker, name)["SecondaryStatus"] == "MaxRuntimeExceeded"


def test_a_source_folder_with_a_setup_py_is_installed_and_run_as_a_module(train, logs):
    job = train(
        {
            "train.py": "import json, mine; print(json.dumps({'word': mine.WORD, 'name': __name__}))",
            "setup.py": "from setuptools import setup; setup(name='mine', py_modules=['mine', 'train'])",
            "mine.py": "WORD = 'hello'",
        }
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert printed(logs, job) == [{"word": "hello", "name": "__main__"}]


def test_a_shell_script_runs_whatever_its_mode_in_the_archive(train, logs):
    job = train({"t.sh": "echo $SM_CURRENT_HOST $*; exit 3"}, hyperparameters={"a": '"b"'})
    assert "algo-1 -a b" in jobs.log_lines(logs, job["TrainingJobName"])
    assert job["FailureReason"].endswith("Command \"/bin/sh -c './t.sh -a b'\", exit code: 3")


def test_uncompressed_output_is_plain_files(train, s3):
    script = "import os; os.makedirs('/opt/ml/model/sub'); open('/opt/ml/model/sub/m', 'w').write('x')"
    job = train(
        {"t.py": script},
        OutputDataConfig={"S3OutputPath": f"s3://{jobs.BUCKET}/plain", "CompressionType": "NONE"},
    )
    name = job["TrainingJobName"]
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{jobs.BUCKET}/plain/{name}/output/model/"
    key = f"plain/{name}/output/model/sub/m"
    assert s3.get_object(Bucket=jobs.BUCKET, Key=key)["Body"].read() == b"x"
