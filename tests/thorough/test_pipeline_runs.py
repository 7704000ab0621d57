"""Executions on paper: cut off at any moment they are taken up again, and nothing is done twice."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from sagelocal.api.account import Account
from sagelocal.api.pipeline_records import PipelineRecords
from sagelocal.api.pipeline_run import Run
from sagelocal.api.pipeline_runs import Runs
from sagelocal.errors import ValidationException
from sagelocal.jobs.store import Store
from sagelocal.storage import DirectoryStorage

NAME = "iris/execution/abcdefghijkl"
ACCOUNT = Account(number="123456789012", region="us-east-1")
TRAIN = {"Name": "Train", "Type": "Training", "Arguments": {}}
TRAINED = {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
REGISTER = {
    "Name": "Register",
    "Type": "RegisterModel",
    "Arguments": {"ModelPackageGroupName": "g", "SourceUri": TRAINED},
}
EQUAL = {"Type": "Equals", "LeftValue": TRAINED, "RightValue": "s3://b/model"}
CHECK = {
    "Name": "Check",
    "Type": "Condition",
    "Arguments": {"Conditions": [EQUAL], "IfSteps": [REGISTER], "ElseSteps": []},
}
EXPERIMENT = {"ExperimentName": {"Get": "Execution.PipelineName"}, "TrialName": "t"}


class Cut(BaseException):
    """The process ends here."""


@dataclass
class World:
    """SageMaker in memory: a job has completed when it is first asked about."""

    there: set[tuple[str, str]] = field(default_factory=set)
    made: Counter[str] = field(default_factory=Counter)
    trouble: Any = lambda: None
    """Called before and after each call has had its effect."""

    def __call__(self, operation, request):
        self.trouble()
        noun = operation.removeprefix("Create").removeprefix("Describe")
        name = request.get("ClientToken") or request[f"{noun}Name"]
        answer = self._create(noun, name) if operation.startswith("Create") else self._describe(noun, name)
        self.trouble()
        return answer

    def _create(self, noun, name):
        if (noun, name) in self.there and noun != "ModelPackage":
            raise ValidationException(f"{noun} {name} is there")
        if (noun, name) not in self.there:
            self.made[noun] += 1
            self.there.add((noun, name))
        return {f"{noun}Arn": f"arn:{noun}/{name}"}

    def _describe(self, noun, name):
        if (noun, name) not in self.there:
            raise ValidationException(f"{noun} {name} is not there")
        return {
            f"{noun}Arn": f"arn:{noun}/{name}",
            f"{noun}Status": "Completed",
            "ModelArtifacts": {"S3ModelArtifacts": "s3://b/model"},
        }


class Rows(PipelineRecords):
    """Rows that may be cut off before and after each change."""

    trouble: Any = staticmethod(lambda: None)

    def update_execution(self, name, change):
        self.trouble()
        changed = super().update_execution(name, change)
        self.trouble()
        return changed


def rows(folder, train=TRAIN):
    found = Rows(Store(folder / "state.db"), ACCOUNT)
    text = json.dumps(
        {"Version": "2020-12-01", "Steps": [train, CHECK], "PipelineExperimentConfig": EXPERIMENT}
    )
    found.put_version("iris", 1, {"PipelineDefinition": text, "PipelineVersionId": 1})
    found.create("iris", {"LastVersion": 1, "RoleArn": "r"}, {})
    begin(found, NAME)
    return found


def begin(found, name):
    """Store an execution."""
    body = {
        "PipelineName": "iris",
        "PipelineArn": found.arn("iris"),
        "PipelineExecutionArn": found.arn(name),
        "PipelineExecutionStatus": "Executing",
        "PipelineVersionId": 1,
        "CreationTime": time.time(),
        "Values": {},
        "Attempts": {},
        "Steps": {},
    }
    found.create_execution(name, body)


def run(records, world, folder, name=NAME):
    Run(
        name=name,
        records=records,
        caller=world,
        storage=DirectoryStorage(folder),
        tags=lambda _: {},
        is_closing=lambda: False,
    ).run()


def execution(records):
    return records.execution(NAME).body


def check(records, world):
    body = execution(records)
    assert body["PipelineExecutionStatus"] == "Succeeded", body
    assert {name: each["StepStatus"] for name, each in body["Steps"].items()} == dict.fromkeys(
        ("Train", "Check", "Register"), "Succeeded"
    )
    nouns = ("Experiment", "Trial", "TrainingJob", "ModelPackageGroup", "ModelPackage")
    assert world.made == dict.fromkeys(nouns, 1)


def moments(records, world, folder):
    """Return how many moments there are at which a run may be cut off."""
    count = itertools.count()
    records.trouble = world.trouble = lambda: next(count)
    run(records, world, folder)
    check(records, world)
    return next(count)


def test_a_run_that_is_cut_off_at_any_moment_is_taken_up_and_does_nothing_twice(tmp_path):
    (tmp_path / "whole").mkdir()
    total = moments(rows(tmp_path / "whole"), World(), tmp_path)
    assert total > 30
    for moment in range(total):
        folder = tmp_path / str(moment)
        folder.mkdir()
        records, world, count = rows(folder), World(), itertools.count()

        def trouble(count=count, moment=moment):
            if next(count) == moment:
                raise Cut

        records.trouble = world.trouble = trouble
        with pytest.raises(Cut):
            run(records, world, folder)
        run(records, world, folder)
        check(records, world)
        records.close()


def test_the_cached_run_of_a_job_that_was_deleted_is_not_taken(tmp_path):
    kept = TRAIN | {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}}
    records, world = rows(tmp_path, kept), World()
    run(records, world, tmp_path)
    names = ["iris/execution/hit", "iris/execution/miss"]
    for name in names:
        begin(records, name)
        run(records, world, tmp_path, name)
        world.there = {(noun, each) for noun, each in world.there if noun != "TrainingJob"}

    hit, miss = (records.execution(name).body["Steps"]["Train"] for name in names)
    assert hit["CacheHitResult"] == {"SourcePipelineExecutionArn": records.arn(NAME)}
    assert (miss["StepStatus"], "CacheHitResult" in miss) == ("Succeeded", False)
    assert world.made["TrainingJob"] == 2


def runs(records, world, folder):
    return Runs(
        records=records,
        caller=world,
        storage=DirectoryStorage(folder),
        tags=lambda _: {},
        pause_seconds=0.0,
    )


def until_over(records):
    deadline = time.monotonic() + 20
    while execution(records)["PipelineExecutionStatus"] == "Executing" and time.monotonic() < deadline:
        time.sleep(0.01)
    return execution(records)


@pytest.mark.parametrize(("errors", "end"), [(3, "Succeeded"), (10**6, "Failed")])
def test_an_error_of_the_service_ends_a_run_only_when_it_stays(tmp_path, errors, end):
    records, world, count = rows(tmp_path), World(), itertools.count()

    def trouble():
        if any(name == "Train" for name in execution(records)["Steps"]) and next(count) < errors:
            raise OSError("disk is busy")

    world.trouble = trouble
    working = runs(records, world, tmp_path)
    working.start()
    body = until_over(records)
    working.close()
    assert body["PipelineExecutionStatus"] == end
    if end == "Failed":
        assert body["FailureReason"] == "InternalServerError: OSError: disk is busy"
        assert body["Steps"]["Train"]["FailureReason"] == body["FailureReason"]
