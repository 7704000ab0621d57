"""A model's life is read back from its approvals and its reports, and can be drawn."""

import json
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from tests.unit.test_registry import other

from sagewind import chronicle
from sagewind.approvals import Approvals
from sagewind.chronicle_picture import picture
from sagewind.objects import Address, Objects
from sagewind.registry import Registry
from sagewind.testing.registry import RegistryTwin
from sagewind.testing.s3 import S3Twin

SVG = "{http://www.w3.org/2000/svg}"


def days(s3, **told):
    """Put reports: day of March → what drifted, and its rmse."""
    for day, (drifted, rmse) in told.items():
        home = f"iris/monitor/ds=2026-03-{day[1:]}"
        s3.put("b", f"{home}/drift.json", json.dumps({"version": 1, "drifted": drifted}))
        if rmse:
            s3.put("b", f"{home}/quality.json", json.dumps({"key": "k", "metrics": {"rmse": rmse}}))


@pytest.fixture
def told():
    s3, registry = S3Twin(), Registry(RegistryTwin().client())
    days(s3, d01=([], 50.0), d02=(["bmi"], 80.0), d03=(["bmi"], None), d04=([], 51.0))
    for number, day in enumerate((1, 3), start=1):
        version = registry.register(other(f"job-{number}"))
        Approvals(registry).approve(version, at=datetime(2026, 3, day, tzinfo=UTC), by="ann")
    versions = list(registry.versions(version.group))
    return chronicle.read("iris", versions, Objects(s3.client()), Address("b", "iris"))


def test_champions_and_the_first_day_of_a_drift_are_told(told):
    assert list(told.lines()) == [
        "2026-03-01T00:00+00:00  version 1",
        "2026-03-02              drift of bmi (scored by version 1)",
        "2026-03-03T00:00+00:00  version 2",
    ]


def test_what_happens_in_one_minute_is_told_in_its_order():
    registry = Registry(RegistryTwin().client())
    given = Approvals(registry)
    start = datetime(2026, 3, 1, tzinfo=UTC)
    for number in range(1, 11):
        version = registry.register(other(f"job-{number}"))
        given.approve(version, at=start + timedelta(seconds=number), by="ann")
    given.rollback(version.group, 9, at=start + timedelta(seconds=30), by="ann")
    versions = list(registry.versions(version.group))
    told = chronicle.read("iris", versions, Objects(S3Twin().client()), Address("b", "iris"))
    assert [line.split()[-1] for line in told.lines()] == [*map(str, range(1, 11)), "9"]


def test_the_picture_has_a_bar_for_each_champion_and_each_day_of_drift(told):
    drawn = ET.fromstring(picture(told, metric="rmse", limits={"at most 60": 60.0}))
    kinds = [each.get("class") for each in drawn.iter(f"{SVG}rect")]
    assert kinds == ["f", "a", "b", "d", "d"]  # the day on which it was found, champions, days of drift
    [line] = drawn.iter(f"{SVG}polyline")
    assert len(line.get("points").split()) == 3  # the truth of one day has not come
    said = [each.text for each in drawn.iter(f"{SVG}title")]
    assert {"version 2 from 2026-03-03 00:00", "2026-03-02, version 1: rmse 80", "2026-03-02: bmi"} <= {*said}
    assert "at most 60" in [each.text for each in drawn.iter(f"{SVG}text")]


def test_without_any_truth_the_picture_says_so(told):
    assert "no truth has come yet" in picture(told, metric="mae")


def test_a_model_that_nobody_watched_has_no_picture():
    with pytest.raises(ValueError, match="no day has been watched yet"):
        picture(chronicle.Chronicle(model="iris", reigns=(), days=()), metric="rmse")
