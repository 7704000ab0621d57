"""Work of every kind, and how far it has come: for the tests that kill something at every step of it.

The steps are the files by which the service and a supervisor tell each other how far a job is; a tuning job
has those of its first training job between its own, an endpoint those of its instance.
"""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

from tests.integration import served_models as models
from tests.integration import training_jobs as jobs

TRAINING, PROCESSING, TRANSFORM = "training-job", "processing-job", "transform-job"
TUNING, ENDPOINT = "hyper-parameter-tuning-job", "endpoint"
KINDS = (TRAINING, PROCESSING, TRANSFORM, TUNING, ENDPOINT)
CREATED, BEGUN, STARTED, OVER = "job.json", "pid", "started", "exit.json"
HOLD = "HOLD"
"""The variable that makes the user's code go on until it is let go."""
SCRIPT = """
import os, time
import boto3
from botocore.config import Config
patient = Config(retries={"mode": "standard", "total_max_attempts": 10})
job = os.environ.get("TRAINING_JOB_NAME", "job")
key = f"runs/{os.environ['NAME']}/{job}-{time.time_ns()}"
boto3.client("s3", config=patient).put_object(Bucket="training-tests", Key=key, Body=b"")
print("score=1;", flush=True)
while os.environ.get("HOLD") and not os.path.exists("/opt/ml/output/go"):
    time.sleep(0.02)
result = os.environ.get("SM_MODEL_DIR", "/opt/ml/processing/output")
open(result + "/result", "w").write("r")
"""
MODEL = """
import os, time, joblib
def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))
def predict_fn(data, model):
    if os.environ.get("HOLD"):
        open("/opt/ml/output/held", "w").close()
        while not os.path.exists("/opt/ml/output/go"):
            time.sleep(0.02)
    return model.predict(data)
"""
SECONDS = 150
DESCRIBE = {
    TRAINING: ("describe_training_job", "TrainingJobName", "TrainingJobStatus"),
    PROCESSING: ("describe_processing_job", "ProcessingJobName", "ProcessingJobStatus"),
    TRANSFORM: ("describe_transform_job", "TransformJobName", "TransformJobStatus"),
    TUNING: (
        "describe_hyper_parameter_tuning_job",
        "HyperParameterTuningJobName",
        "HyperParameterTuningJobStatus",
    ),
    ENDPOINT: ("describe_endpoint", "EndpointName", "EndpointStatus"),
}
_ENDS = {*jobs.OVER, "InService"}
_RUNS = {TRAINING: 1, PROCESSING: 1, TRANSFORM: 0, TUNING: 2, ENDPOINT: 0}
"""How often a script of the kind has run when all went well."""
_RESOURCES = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}


class World:
    """Lives of a service on one data directory, and work of every kind."""

    def __init__(self, begin, client):
        """Take `begin`, which starts a service, and `client`, which makes clients of the rest of AWS."""
        self._begin = begin
        self._client = client
        self.s3 = client("s3")
        for bucket in (jobs.BUCKET, models.BUCKET):
            with contextlib.suppress(self.s3.exceptions.BucketAlreadyOwnedByYou):
                self.s3.create_bucket(Bucket=bucket)
        self.service = begin()
        self._makers = {
            TRAINING: self._training,
            PROCESSING: self._processing,
            TRANSFORM: self._transform,
            TUNING: self._tuning,
            ENDPOINT: self._endpoint,
        }

    def client(self, name):
        return (self.service.client if name.startswith("sagemaker") else self._client)(name)

    def restart(self):
        self.service.kill()
        self.service = self._begin()

    def create(self, kind, **variables):
        """Create work of a kind, whose code sees the variables, and return its name."""
        name = jobs.unique("walk")
        self._makers[kind](name, variables)
        return name

    def _training(self, name, variables):
        asked = jobs.request(self.s3, name, {"t.py": SCRIPT}, Environment={"NAME": name, **variables})
        self.client("sagemaker").create_training_job(**asked)

    def _tuning(self, name, variables):
        asked = jobs.request(self.s3, name, {"t.py": SCRIPT}, Environment={"NAME": name, **variables})
        del asked["TrainingJobName"]
        asked["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "score", "Regex": "score=(.*);"}]
        asked["StaticHyperParameters"] = asked.pop("HyperParameters")
        self.client("sagemaker").create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name,
            HyperParameterTuningJobConfig={
                "Strategy": "Random",
                "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
                "ResourceLimits": {"MaxParallelTrainingJobs": 2, "MaxNumberOfTrainingJobs": 2},
                "ParameterRanges": {
                    "ContinuousParameterRanges": [{"Name": "rate", "MinValue": "0", "MaxValue": "1"}]
                },
            },
            TrainingJobDefinition=asked,
        )

    def _processing(self, name, variables):
        self.s3.put_object(Bucket=jobs.BUCKET, Key=f"{name}/t.py", Body=SCRIPT.encode())
        code = {"S3Uri": f"s3://{jobs.BUCKET}/{name}/t.py", "LocalPath": "/opt/ml/processing/input/code"}
        result = {
            "S3Uri": f"s3://{jobs.BUCKET}/{name}/out",
            "LocalPath": "/opt/ml/processing/output",
            "S3UploadMode": "EndOfJob",
        }
        self.client("sagemaker").create_processing_job(
            ProcessingJobName=name,
            RoleArn=jobs.ROLE,
            AppSpecification={
                "ImageUri": jobs.IMAGE.format("1.9-0"),
                "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/t.py"],
            },
            Environment={"NAME": name, **variables},
            ProcessingInputs=[
                {"InputName": "c", "S3Input": {**code, "S3DataType": "S3Prefix", "S3InputMode": "File"}}
            ],
            ProcessingOutputConfig={"Outputs": [{"OutputName": "o", "S3Output": result}]},
            ProcessingResources={"ClusterConfig": _RESOURCES},
        )

    def _model(self, variables):
        return models.make_model(self.client, MODEL, {"SAGEMAKER_MODEL_SERVER_WORKERS": "1", **variables})

    def _transform(self, name, variables):
        self.s3.put_object(Bucket=jobs.BUCKET, Key=f"{name}/in/a.csv", Body=models.CSV)
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{jobs.BUCKET}/{name}/in/"}
        self.client("sagemaker").create_transform_job(
            TransformJobName=name,
            ModelName=self._model(variables),
            TransformInput={
                "DataSource": {"S3DataSource": source},
                "ContentType": "text/csv",
                "SplitType": "Line",
            },
            TransformOutput={"S3OutputPath": f"s3://{jobs.BUCKET}/{name}/out", "Accept": "text/csv"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )

    def _endpoint(self, name, variables):
        variant = {"VariantName": "AllTraffic", "ModelName": self._model(variables)}
        config = models.make_config(self.client, variant)
        self.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=config)

    # -- how far it is

    def folder(self, kind, name):
        """Return its supervisor's folder; of an endpoint its instance's, None before there is one."""
        root = self.service.data_dir / "jobs" / kind / name
        return next(root.glob("*/*/"), None) if kind == ENDPOINT else root

    def has_reached(self, kind, name, step):
        if kind == TUNING and step == STARTED:
            return any((self.service.data_dir / "jobs" / TRAINING).glob(f"{name}-*/{STARTED}"))
        folder = self.folder(kind, name)
        if folder is None:
            return False
        if kind == ENDPOINT and step in (STARTED, OVER):
            return (folder / "ready.json").exists()
        path = folder / step
        return path.exists() and (step != BEGUN or path.read_text() != "")

    def is_at_work(self, kind, name):
        """Tell whether the user's code has begun; of a tuning job that in all its training jobs."""
        if kind in (TRANSFORM, ENDPOINT):
            return (self.folder(kind, name) / "ml" / "output" / "held").exists()
        return self.s3.list_objects_v2(Bucket=jobs.BUCKET, Prefix=f"runs/{name}/")["KeyCount"] == _RUNS[kind]

    def let_go(self, kind, name):
        """Let the user's code end that was to hold."""
        jobs_folder = self.service.data_dir / "jobs"
        folders = (jobs_folder / TRAINING).glob(f"{name}-*") if kind == TUNING else [self.folder(kind, name)]
        for folder in folders:
            (folder / "ml" / "output" / "go").touch()

    def supervisor(self, kind, name):
        """Return the process id of its supervisor."""
        return int((self.folder(kind, name) / BEGUN).read_text())

    def containers(self, kind, name):
        """Return the processes with its folder on their command line: bubblewrap's."""
        place = f"/jobs/{TRAINING}/{name}-" if kind == TUNING else f"/jobs/{kind}/{name}/"
        return [pid for pid, words in _bubblewraps() if place in words]

    # -- how it ends

    def end(self, kind, name):
        """Wait for the end; return the status and the reason, when all that must hold at an end does."""
        describe, key, status = DESCRIBE[kind]
        found = {}

        def is_over():
            found.clear()
            found.update(getattr(self.client("sagemaker"), describe)(**{key: name}))
            return found[status] in _ENDS

        until(is_over, lambda: (kind, found))
        if kind == ENDPOINT:
            self._take_down(name, serves=found[status] == "InService")
        until(lambda: not self.containers(kind, name))
        runs = self.s3.list_objects_v2(Bucket=jobs.BUCKET, Prefix=f"runs/{name}/").get("Contents", [])
        scripts = [each["Key"].rpartition("-")[0] for each in runs]
        assert len(scripts) == len(set(scripts)), scripts
        assert len(scripts) == _RUNS[kind] if found[status] == "Completed" else len(scripts) <= _RUNS[kind]
        return found[status], found.get("FailureReason", "")

    def _take_down(self, name, *, serves):
        """Ask an endpoint that is in service, and delete it."""
        sagemaker = self.client("sagemaker")
        if serves:
            until(lambda: self.answers(name))
        sagemaker.delete_endpoint(EndpointName=name)

        def is_gone():
            try:
                sagemaker.describe_endpoint(EndpointName=name)
            except sagemaker.exceptions.ClientError:
                return True
            return False

        until(is_gone)

    def answers(self, name):
        """Tell whether an endpoint answers as its model predicts."""
        runtime = self.client("sagemaker-runtime")
        with contextlib.suppress(runtime.exceptions.ClientError):  # its instance is being started again
            given = b"".join(models.CSV.splitlines(keepends=True)[:2])
            answer = runtime.invoke_endpoint(
                EndpointName=name, ContentType="text/csv", Accept="application/json", Body=given
            )
            return json.loads(answer["Body"].read()) == models.WANT[:2]
        return False


def _bubblewraps():
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode(errors="replace")
            if "bwrap" in words:
                yield int(entry.name), words


def until(condition, about=lambda: "", pause=0.02):
    """Wait until something is true."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"it did not come true in time {about()}"
        time.sleep(pause)
