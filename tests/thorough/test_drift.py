"""Drift is found when it is there and not when it is chance; the files are Model Monitor's."""

import json

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from sagewind import drift, profile
from sagewind.profile import ProfileError

RNG = np.random.default_rng(7)


def texts(values):
    return [str(value) for value in values]


def numeric(values):
    return profile.profile({"x": texts(values)}).features["x"]


BASE = RNG.normal(50, 10, 1000)
BASELINE = profile.profile(
    {"x": texts(BASE), "y": texts(RNG.integers(0, 5, 1000)), "c": texts(RNG.choice(["a", "b", "c"], 1000))}
)


def batch(x_shift=0.0, classes=(1, 1, 1), rows=200, seed=1):
    rng = np.random.default_rng(seed)
    shares = np.array(classes) / sum(classes)
    return profile.profile(
        {
            "x": texts(rng.normal(50 + x_shift, 10, rows)),
            "y": texts(rng.integers(0, 5, rows)),
            "c": texts(rng.choice(["a", "b", "c"], rows, p=shares)),
        }
    )


def test_the_measures_agree_with_scipy():
    now, then = RNG.normal(52, 11, 700), BASE
    distance, p_value = drift.kolmogorov_smirnov(numeric(now), numeric(then))
    oracle = stats.ks_2samp(now, then, method="asymp")
    assert distance == pytest.approx(oracle.statistic)
    assert p_value == pytest.approx(oracle.pvalue, rel=0.5)  # the limit law, not its correction
    new, old = np.array([30.0, 50, 20]), np.array([300.0, 300, 400])
    assert drift.jensen_shannon(new, old) == pytest.approx(jensenshannon(new, old, base=2))
    chi2 = stats.chi2_contingency([new, old])
    assert drift.chi_squared(new, old) == pytest.approx((chi2.statistic, chi2.pvalue))


def test_psi_is_the_textbook_sum():
    then = numeric(np.arange(100))
    now = numeric(np.concatenate([np.arange(50), np.arange(50)]))
    halves = drift.psi(now, then, bins=2)
    floor = 1e-4
    assert halves == pytest.approx(
        (1 - 0.5) * np.log(1 / 0.5) + (floor - 0.5) * np.log(floor / 0.5), rel=0.05
    )


def test_rare_categories_are_pooled_so_that_chance_is_not_drift():
    names = texts(RNG.integers(0, 400, 2000))
    base = profile.profile({"c": [f"k{name}" for name in names]})
    now = profile.profile(
        {"c": [f"k{name}" for name in texts(np.random.default_rng(3).integers(0, 400, 60))]}
    )
    assert not drift.compare(now, base).found


def zipf(many):
    shares = 1 / np.arange(1, many + 1)
    return shares / shares.sum()


NAMES = np.random.default_rng(5).permutation([f"z{i:05d}" for i in range(20_000)])
"""In no order: the names do not follow how frequent they are."""


def cells(rng, shares, rows):
    return NAMES[rng.choice(len(shares), rows, p=shares)].tolist()


def stored(column):
    """Profile a column and read it back as a baseline is."""
    document = json.loads(json.dumps(profile.to_statistics(profile.profile({"c": column}))))
    return profile.from_statistics(document, source="statistics.json")


WIDE = {
    "400": np.full(400, 1 / 400),
    "uniform 1000": np.full(1000, 1 / 1000),
    "zipf 2000": zipf(2000),
    "uniform 10000": np.full(10_000, 1 / 10_000),  # more than are listed
    "zipf 20000": zipf(20_000),
}


@pytest.mark.parametrize("rows", [200, 2000, 20_000])
@pytest.mark.parametrize("shares", WIDE.values(), ids=WIDE)
def test_many_categories_alarm_by_chance_as_often_as_alpha_says(shares, rows):
    rng = np.random.default_rng(11)
    limits = drift.Limits(js=0, alpha=0.05)  # the test alone: the measure never holds an alarm back
    found, tries = 0, 0
    for _ in range(6):
        base = stored(cells(rng, shares, 20_000))
        for _ in range(10):
            now = profile.profile({"c": cells(rng, shares, rows)})
            found += drift.compare(now, base, limits).found
            tries += 1
    assert found <= stats.binom.ppf(0.999, tries, limits.alpha)


@pytest.mark.parametrize("rows", [200, 2000, 20_000])
@pytest.mark.parametrize("name", [NAMES[100], "unheard of"])
@pytest.mark.parametrize("shares", WIDE.values(), ids=WIDE)
def test_a_fifth_of_the_rows_with_one_value_is_found_among_many(shares, name, rows):
    rng = np.random.default_rng(12)
    base = stored(cells(rng, shares, 20_000))
    now = [name] * (rows // 5) + cells(rng, shares, rows - rows // 5)
    assert drift.compare(profile.profile({"c": now}), base).drifted == ("c",)


# Of single values that are rare in the batch only neighbours by name, such as the postcodes of a region, are
# seen to become more or fewer; those that lie anywhere are where five of each are expected.
@pytest.mark.parametrize(("order", "rows"), [("any", 20_000), ("names", 2000), ("names", 20_000)])
@pytest.mark.parametrize("kind", ["400", "uniform 1000", "zipf 2000"])
def test_a_fifth_of_the_rows_that_went_over_to_other_values_is_found(kind, order, rows):
    rng = np.random.default_rng(13)
    shares = WIDE[kind]
    base = stored(cells(rng, shares, 20_000))
    places = np.argsort(NAMES[: len(shares)]) if order == "names" else rng.permutation(len(shares))
    fewer, more = places.reshape(2, -1)
    moved = shares.copy()
    moved[fewer] -= 0.2 * shares[fewer] / shares[fewer].sum()
    moved[more] += 0.2 * shares[more] / shares[more].sum()
    assert drift.compare(profile.profile({"c": cells(rng, moved, rows)}), base).drifted == ("c",)


@pytest.mark.parametrize("real", [False, True])
def test_what_a_baseline_does_not_list_is_its_other(real):
    many = profile.MOST_CATEGORIES + 100
    column = [f"k{i}" for i in range(many)] + ["often"] * many * 2 + ["other"] * (many if real else 0)
    made = stored(column).features["c"]
    assert len(made.counts) == profile.MOST_CATEGORIES - real
    assert sum(made.counts.values()) == made.present == len(column)
    assert made.distinct == many + 1 + real
    # As many rows of new names, where all names are rare, are no news; the same rows twice are none either.
    fresh = ["n" + cell if cell.startswith("k") else cell for cell in column]
    assert not drift.compare(profile.profile({"c": fresh}), stored(column)).found
    assert not drift.compare(profile.profile({"c": column}), stored(column)).found
    assert drift.compare(profile.profile({"c": column + ["once"] * many}), stored(column)).found


def test_other_is_a_value_like_any_where_all_are_listed():
    base = stored(["a"] * 300 + ["other"] * 100)
    quiet = profile.profile({"c": ["a"] * 150 + ["other"] * 50})
    fresh = profile.profile({"c": ["a"] * 150 + ["new"] * 50})
    assert not drift.compare(quiet, base).found
    assert drift.compare(fresh, base).drifted == ("c",)


def test_ninety_quiet_days_raise_no_alarm():
    assert [seed for seed in range(90) if drift.compare(batch(seed=seed, rows=60), BASELINE).found] == []


@pytest.mark.parametrize(
    ("made", "columns"),
    [
        (batch(x_shift=12), ("x",)),
        (batch(classes=(8, 1, 1)), ("c",)),
        (batch(x_shift=-12, classes=(1, 1, 8)), ("x", "c")),
    ],
)
def test_a_real_shift_is_found_in_its_column_only(made, columns):
    found = drift.compare(made, BASELINE)
    assert found.drifted == columns
    assert {each.check for each in found.violations} == {"baseline_drift_check"}


def test_a_small_batch_says_nothing_about_distribution():
    assert not drift.compare(batch(x_shift=100, rows=19), BASELINE).shifts


def test_schema_changes_are_violations_of_their_own():
    columns = {"x": ["oops"] * 50, "y": ["1"] * 25 + [""] * 25, "new": ["1"] * 50}
    found = drift.compare(profile.profile(columns), BASELINE)
    checks = {(each.feature, each.check) for each in found.violations}
    assert {
        ("c", "missing_column_check"),
        ("new", "extra_column_check"),
        ("x", "data_type_check"),
        ("y", "completeness_check"),
    } <= checks
    assert found.to_violations()["violations"][0] == {
        "feature_name": "c",
        "constraint_check_type": "missing_column_check",
        "description": "not in the batch",
    }


def test_a_class_coded_as_a_number_is_compared_as_a_class():
    base = profile.profile({"p": texts(RNG.choice([0, 1], 500))}, text=["p"])
    now = profile.profile({"p": texts(RNG.choice([0, 1], 500, p=[0.9, 0.1]))})
    shift = drift.compare(now, base).shifts[0]
    assert (shift.kind, shift.drifted) == ("categorical", True)


@pytest.mark.parametrize("rows", [100, 5000])
def test_statistics_survive_a_round_trip_through_model_monitors_shape(rows):
    made = profile.profile({"x": texts(RNG.normal(0, 1, rows)), "c": ["a", "", "b", "b"] * (rows // 4)})
    document = json.loads(json.dumps(profile.to_statistics(made), allow_nan=False))
    again = profile.from_statistics(document, source="statistics.json")
    assert again.rows == rows
    assert np.array_equal(again.features["x"].values, made.features["x"].values)
    assert again.features["x"].weights.sum() == pytest.approx(rows, rel=0.01)
    assert again.features["c"] == made.features["c"]
    text = document["features"][1]["string_statistics"]
    assert text["common"] == {"num_present": rows * 3 // 4, "num_missing": rows // 4}
    assert sum(
        b["count"] for b in document["features"][0]["numerical_statistics"]["distribution"]["kll"]["buckets"]
    )
    constraints = profile.to_constraints(made)["features"]
    assert text["distinct_count"] == 2
    assert constraints[0]["num_constraints"] == {"is_non_negative": False}
    assert constraints[1] == {
        "name": "c",
        "completeness": 0.75,
        "inferred_type": "String",
        "string_constraints": {"domains": ["a", "b"]},
    }


def test_a_sketch_of_many_values_keeps_the_distribution():
    values = RNG.exponential(3, 100_000)
    sketch = numeric(values)
    assert len(sketch.values) <= profile.SKETCH_SIZE
    assert (
        np.abs(np.quantile(sketch.values, [0.1, 0.5, 0.9]) / np.quantile(values, [0.1, 0.5, 0.9]) - 1).max()
        < 0.02
    )


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "no statistics in Model Monitor's shape"),
        ({"dataset": {"item_count": 1}, "features": [{"name": "x"}]}, "column 'x' has neither"),
    ],
)
def test_a_baseline_of_another_shape_names_the_file(document, message):
    with pytest.raises(ProfileError, match=f"base.json: {message}"):
        profile.from_statistics(document, source="base.json")


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ProfileError, match=r"lengths \[1, 2\]"):
        profile.profile({"a": ["1"], "b": ["1", "2"]})


@pytest.mark.parametrize(
    ("missing", "rows", "found"),
    [
        (11, 60, False),  # a tenth is always missing: eleven of sixty is chance
        (24, 60, True),
        (180, 1000, True),  # the same share as the first, but of more rows
        (140, 1000, False),  # beyond chance, but within what `completeness` allows
    ],
)
def test_more_missing_values_are_drift_only_beyond_chance(missing, rows, found):
    baseline = profile.profile({"x": ["1", "2", "3"] * 120 + [""] * 40})
    now = profile.profile({"x": ["1", "2", "3", "2"] * ((rows - missing) // 4) + [""] * missing})
    checks = [each.check for each in drift.compare(now, baseline).violations]
    assert ("completeness_check" in checks) is found


def test_the_chance_of_missing_values_is_the_binomial_tail():
    now = profile.profile({"x": ["1"] * 50 + [""] * 10}).features["x"]
    then = profile.profile({"x": ["1"] * 360 + [""] * 40}).features["x"]
    expected = stats.binom.sf(9, 60, 41 / 402)
    assert drift.more_missing(now, then) == pytest.approx(expected)
