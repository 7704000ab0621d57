"""SageMaker in a dictionary: what `Claimer` and `Hosting` call of boto3's client."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError


def error(code: str, message: str, status: int = 400) -> ClientError:
    said = {"Code": code, "Message": message}
    return ClientError({"Error": said, "ResponseMetadata": {"HTTPStatusCode": status}}, "Op")


class SageMaker:
    """Training jobs by name. `faults` are raised, one for each call of the method, before it acts."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.made: list[str] = []
        self.faults: dict[str, list[Exception]] = {}
        self.lost_answers = 0
        """Creates that do their work and whose answer is then lost."""

    def create_training_job(self, **request: Any) -> dict[str, Any]:
        self._fault("create_training_job")
        name = request["TrainingJobName"]
        if name in self.jobs:
            raise error("ResourceInUse", f"a training job named {name} already exists")
        arn = f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}"
        self.jobs[name] = {**request, "TrainingJobArn": arn, "TrainingJobStatus": "InProgress"}
        self.made.append(name)
        if self.lost_answers:
            self.lost_answers -= 1
            raise error("InternalFailure", "connection reset", 500)
        return {"TrainingJobArn": arn}

    def describe_training_job(self, TrainingJobName: str) -> dict[str, Any]:  # noqa: N803
        self._fault("describe_training_job")
        if TrainingJobName not in self.jobs:
            raise error("ValidationException", "Requested resource not found.")
        return {key: value for key, value in self.jobs[TrainingJobName].items() if key != "Tags"}

    def stop_training_job(self, TrainingJobName: str) -> dict[str, Any]:  # noqa: N803
        job = self.jobs[TrainingJobName]
        if job["TrainingJobStatus"] != "InProgress":
            raise error("ValidationException", "The request was rejected because the training job is over.")
        job["TrainingJobStatus"] = "Stopped"
        return {}

    def list_tags(self, ResourceArn: str) -> dict[str, Any]:  # noqa: N803
        self._fault("list_tags")
        return {"Tags": self.jobs[ResourceArn.rsplit("/", maxsplit=1)[-1]].get("Tags", [])}

    def list_training_jobs(self, *, NameContains: str, StatusEquals: str, **_: Any) -> Any:  # noqa: N803
        found = [
            {"TrainingJobName": name}
            for name, job in self.jobs.items()
            if NameContains in name and job["TrainingJobStatus"] == StatusEquals
        ]
        return {"TrainingJobSummaries": found}

    def end(self, name: str, status: str, reason: str = "") -> None:
        self.jobs[name] |= {"TrainingJobStatus": status} | ({"FailureReason": reason} if reason else {})

    def _fault(self, method: str) -> None:
        waiting = self.faults.get(method, [])
        if waiting:
            raise waiting.pop(0)
