"""Specs are found, and everything about them is asked at once."""

from __future__ import annotations

import dataclasses
import os
import shutil
from typing import Any

import pytest
from tests.unit.ui import models_shown as shown

from sagewind.errors import SagewindError
from sagewind.ui.models import specs, values
from sagewind.ui.models.asking import Asking
from sagewind.ui.models.collect import Collector

DAGS = shown.ROOT / "dags"


class Told:
    """Stands for AWS: answers with the sample, or refuses."""

    def __init__(self, *refused: str) -> None:
        self.asked: list[str] = []
        self.refused = refused

    def __getattr__(self, name: str) -> Any:
        answers = {
            "standing": lambda *_: values.standing(shown.versions()),
            "endpoint": lambda *_: shown.summary().endpoint,
            "scored": lambda _, newest: shown.scored()[:newest],
            "watched": lambda _, newest: dataclasses.replace(
                shown.chronicle(), days=shown.chronicle().days[-newest:]
            ),
            "cost": lambda *_: shown.bill(),
            "versions": lambda *_: (shown.versions(), True),
            "base": lambda *_: "s3://bucket/diabetes/",
        }
        self.asked.append(name)

        def refuse(*_: object) -> None:
            raise SagewindError(f"no {name}")

        return refuse if name in self.refused else answers[name]


def runs(names, newest):
    return dict.fromkeys(names, shown.airflow())


@pytest.fixture
def asking():
    made = Asking(seconds=30.0)
    yield made
    made.close()


def test_the_list_asks_for_little_and_a_models_page_for_much(asking):
    collector = Collector(amazon=Told(), asking=asking, runs=runs)
    [listed] = collector.summaries([shown.DIABETES])
    assert (len(listed.scored), len(listed.watched.days)) == (1, 14)
    detail, base = collector.detail(shown.DIABETES)
    assert (len(detail.summary.scored), len(detail.summary.watched.days)) == (14, 20)
    assert (base, detail.more, len(detail.shown)) == ("s3://bucket/diabetes/", True, 3)
    starts = [run.start for run in detail.runs]
    assert starts == sorted(starts, reverse=True)


@pytest.mark.parametrize("part", ["standing", "endpoint", "scored", "watched", "cost", "versions", "base"])
def test_one_part_that_does_not_answer_leaves_the_others(part, asking):
    collector = Collector(amazon=Told(part), asking=asking, runs=runs)
    detail, base = collector.detail(shown.DIABETES)
    found = {"base": base, "versions": detail.versions} | vars(detail.summary)
    unknown = [name for name, each in found.items() if isinstance(each, values.Unanswered)]
    assert (unknown, base) == (([], "") if part == "base" else ([part], "s3://bucket/diabetes/"))


def test_airflow_that_does_not_answer_is_said_too(asking):
    def refuse(*_):
        raise SagewindError("no database")

    collector = Collector(amazon=Told(), asking=asking, runs=refuse)
    detail, _ = collector.detail(shown.DIABETES)
    assert isinstance(detail.summary.airflow, values.Unanswered)
    assert detail.runs == ()
    assert all(isinstance(each.airflow, values.Unanswered) for each in collector.summaries([shown.DIABETES]))


def test_no_models_no_questions(asking):
    told = Told()
    assert Collector(amazon=told, asking=asking, runs=runs).summaries([]) == ()
    assert told.asked == []


def test_the_specs_of_a_bundle_are_found_also_those_that_are_broken(tmp_path):
    shutil.copytree(DAGS, tmp_path / "dags")
    shutil.copytree(shown.ROOT / "sm_code", tmp_path / "sm_code")
    folder = tmp_path / "dags" / "models"
    found = specs.read([folder, tmp_path / "nowhere"], environ={})
    assert list(found.models) == ["diabetes", "iris", "wine"]
    assert found.broken == ()
    (folder / "wine.yaml").write_text("name: wine\nschedul: x\n")
    found = specs.read([folder], environ={})
    assert list(found.models) == ["diabetes", "iris"]
    [broken] = found.broken
    assert broken.name == "wine"
    assert "wine.yaml:2: schedul is no key" in broken.why
    (folder / "wine.yaml").unlink()
    (folder / "wine_score.yaml").symlink_to("nowhere")
    [broken] = specs.read([folder], environ={}).broken
    assert broken.name == "wine_score"
    assert "wine_score.yaml:1: cannot be read" in broken.why


def test_a_variable_names_the_folders_where_airflow_has_no_dag_files(tmp_path):
    shutil.copytree(DAGS / "models", tmp_path / "models")  # without code and data
    found = specs.read([DAGS / "models"], environ={specs.VARIABLE: str(tmp_path / "models")})
    assert {name: str(each.path.parent) for name, each in found.models.items()} == dict.fromkeys(
        ("diabetes", "iris", "wine"), str(tmp_path / "models")
    )
    assert found.broken == ()


def test_a_spec_is_read_again_when_what_is_laid_over_it_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("SAGEWIND_ENVIRONMENT", "prod")
    shutil.copytree(DAGS / "models", tmp_path / "models")
    over = tmp_path / "environments.yaml"
    for moment, bucket in enumerate(("first-bucket", "second-bucket"), start=1):
        over.write_text(f"prod: {{account: {{bucket: {bucket}}}}}\n")
        os.utime(over, (moment, moment))
        found = specs.read([], environ={specs.VARIABLE: str(tmp_path / "models")})
        assert found.models["iris"].account.bucket == bucket
