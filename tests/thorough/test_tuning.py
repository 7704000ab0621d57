"""Tuning: scales, strategies, early stopping and the reading of requests. Pure."""

import contextlib
import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelocal.jobs.children import Children
from sagelocal.jobs.store import Store
from sagelocal.tuning import definition, early, ranges, strategies, summaries, trials
from sagelocal.tuning.trials import Objective, Trial

MAXIMIZE = Objective(metric="accuracy", type="Maximize")
MINIMIZE = Objective(metric="loss", type="Minimize")


def continuous(name="x", low=0.0, high=1.0, scaling="Linear"):
    return ranges.parse(
        {
            "ContinuousParameterRanges": [
                {"Name": name, "MinValue": str(low), "MaxValue": str(high), "ScalingType": scaling}
            ]
        }
    )[0]


def integer(name="n", low=1, high=10, scaling="Linear"):
    return ranges.parse(
        {
            "IntegerParameterRanges": [
                {"Name": name, "MinValue": str(low), "MaxValue": str(high), "ScalingType": scaling}
            ]
        }
    )[0]


def category(name="c", *values):
    return ranges.Range(name=name, kind=ranges.CATEGORICAL, values=values or ("a", "b"))


EVERY_RANGE = [
    continuous(low=-3, high=5),
    continuous(low=1e-6, high=10, scaling="Logarithmic"),
    continuous(low=0.5, high=0.9999, scaling="ReverseLogarithmic"),
    integer(),
    integer(low=1, high=4000, scaling="Logarithmic"),
    category("c", "a", "b", "c"),
]


@given(st.floats(0, 1), st.sampled_from(EVERY_RANGE))
def test_every_position_is_in_the_range(position, range_):
    assert range_.holds(range_.at(position))


def test_the_scales():
    assert continuous(low=0, high=10).at(0.5) == "5.0"
    assert float(continuous(low=0.001, high=10, scaling="Logarithmic").at(0.5)) == pytest.approx(0.1)
    assert float(continuous(low=0.9, high=0.999, scaling="ReverseLogarithmic").at(0.5)) == pytest.approx(0.99)
    assert [integer(low=1, high=3).at(p) for p in (0, 0.34, 0.99, 1)] == ["1", "2", "3", "3"]


@pytest.mark.parametrize(
    ("low", "high", "scaling"),
    [
        (0.001, 1, "Logarithmic"),
        (0.1, 1, "Linear"),
        (0, 1000, "Linear"),
    ],  # Auto needs two powers of ten above 0
)
def test_auto_chooses_a_scale(low, high, scaling):
    assert continuous(low=low, high=high, scaling="Auto").scaling == scaling


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: continuous(low=1, high=1), "MinValue must be less than MaxValue"),
        (lambda: continuous(low="a", high=1), "numbers are needed"),
        (lambda: continuous(low="nan", high=1), "'nan' to '1'; finite numbers are needed"),
        (lambda: continuous(low=0, high="inf"), "'0' to 'inf'; finite numbers are needed"),
        (lambda: integer(low=1.5, high=2), "whole numbers are needed"),
        (lambda: continuous(low=0, high=1, scaling="Logarithmic"), "needs values above 0"),
        (lambda: continuous(low=0, high=1, scaling="ReverseLogarithmic"), "0 <= x < 1"),
        (lambda: integer(scaling="ReverseLogarithmic"), "0 <= x < 1"),
    ],
)
def test_ranges_that_cannot_be_searched(make, message):
    with pytest.raises(ranges.RangeError, match=message):
        make()


def done(parameters, value, **more):
    return Trial(name="t", parameters=parameters, status="Completed", value=value, **more)


def run_strategy(name, space, jobs, score, objective=MAXIMIZE, seed="s"):
    history = []
    while len(history) < jobs:
        parameters = strategies.propose(name, space, history, objective, seed)
        if parameters is None:
            break
        history.append(done(parameters, score(parameters)))
    return history


def test_a_grid_is_walked_once():
    space = (category("a", "1", "2"), category("b", "x", "y", "z"))

    history = run_strategy("Grid", space, 99, lambda _: 0.0)

    assert len(history) == strategies.grid_size(space) == 6
    assert len({tuple(trial.parameters.items()) for trial in history}) == 6


@pytest.mark.parametrize("name", ["Random", "Bayesian"])
def test_a_small_space_is_searched_without_repetition(name):
    history = run_strategy(name, (category("a", *"abcdefgh"),), 99, lambda p: float(ord(p["a"])))

    assert sorted(trial.parameters["a"] for trial in history) == list("abcdefgh")


@pytest.mark.parametrize("name", ["Random", "Bayesian", "Hyperband"])
def test_a_seed_fixes_the_search(name):
    space = (continuous(low=0, high=1), integer())
    score = lambda p: float(p["x"])  # noqa: E731

    first, second, other = (
        [trial.parameters for trial in run_strategy(name, space, 6, score, seed=seed)]
        for seed in ("a", "a", "b")
    )

    assert first == second != other


def test_bayesian_search_beats_random_search():
    space = (
        continuous("x", -5, 5),
        continuous("rate", 1e-6, 1, "Logarithmic"),
        category("kind", "good", "bad"),
    )

    def loss(p):
        far = (float(p["x"]) - 2) ** 2 + (math.log10(float(p["rate"])) + 3) ** 2
        return far + (0 if p["kind"] == "good" else 5)

    def lowest(name, seed):
        return min(trial.value for trial in run_strategy(name, space, 25, loss, MINIMIZE, seed))

    seeds = "012345"
    assert sum(lowest("Bayesian", seed) for seed in seeds) < sum(lowest("Random", seed) for seed in seeds)


def test_running_and_failed_jobs_are_told_to_the_optimiser():
    space = (continuous(low=0, high=1),)
    history = run_strategy("Bayesian", space, 5, lambda p: float(p["x"]))
    history += [
        Trial(name="r", parameters={"x": "0.5"}, status="InProgress"),
        Trial(name="f", parameters={"x": "0.6"}, status="Failed"),
    ]

    assert space[0].holds(strategies.propose("Bayesian", space, history, MAXIMIZE, "s")["x"])


def test_parents_jobs_outside_the_space_are_left_out():
    space = (continuous(low=0, high=1),)
    parents = [done({"x": str(x)}, x, own=False) for x in (0.1, 0.5, 0.9, 0.95, 7.0)]
    parents.append(done({"y": "1"}, 1.0, own=False))

    assert space[0].holds(strategies.propose("Bayesian", space, parents, MAXIMIZE, "s")["x"])


def curve(status, *values, name="t"):
    return Trial(name=name, parameters={}, status=status, curve=values)


def test_the_median_stops_what_is_worse_at_the_same_step():
    finished = [
        curve("Completed", 0.5, 0.6, 0.7),
        curve("Completed", 0.6, 0.7, 0.9),
        curve("Completed", 0.1, 0.9),
    ]
    bad, good, unborn = (
        curve("InProgress", 0.1, 0.2, name="bad"),
        curve("InProgress", 0.9, name="good"),
        curve("InProgress"),
    )

    assert early.median([*finished, bad, good, unborn], MAXIMIZE) == [bad]
    assert early.median([*finished[:2], bad], MAXIMIZE) == []
    assert early.median([*finished, bad], MINIMIZE) == []


def test_halving_keeps_the_best_third_at_each_rung():
    generator = random.Random(1)
    values = [generator.random() for _ in range(9)]
    running = [curve("InProgress", value, name=str(value)) for value in values]

    losing = early.halving(running, MAXIMIZE, least=1, most=9)

    assert {trial.name for trial in running} - {trial.name for trial in losing} == {
        str(value) for value in sorted(values)[-3:]
    }
    assert early.halving(running, MAXIMIZE, least=2, most=9) == []


def test_hyperband_stops_what_goes_on_behind_its_most():
    there, behind = curve("InProgress", 1, 1, 1), curve("InProgress", 1, 1, 1, 1)

    assert early.halving([there, behind], MAXIMIZE, least=1, most=3) == [behind]


def test_counters_and_best():
    found = [
        done({}, 0.5),
        done({}, 0.9),
        done({}, None),
        Trial(name="f", parameters={}, status="Failed"),
        Trial(name="s", parameters={}, status="Stopped", value=0.7),
        Trial(name="r", parameters={}, status="InProgress"),
        Trial(name="p", parameters={}, status="Stopping"),
    ]

    assert trials.status_counters(found) == {
        "Completed": 3,
        "InProgress": 2,
        "RetryableError": 0,
        "NonRetryableError": 1,
        "Stopped": 1,
    }
    assert trials.objective_counters(found) == {"Succeeded": 3, "Pending": 2, "Failed": 2}
    assert trials.best(found, MAXIMIZE) is found[1]
    assert trials.best(found, Objective(metric="m", type="Minimize")) is found[0]


@given(
    st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=32), st.integers(1, 750)
)
def test_names_are_as_sagemakers(name, number):
    child = trials.child_name(name, number, "seed")

    assert child.startswith(f"{name}-{number:03d}-")
    assert len(child) <= 63
    assert child == trials.child_name(name, number, "seed") != trials.child_name(name, number, "other")


JOB = {
    "StaticHyperParameters": {"k": "3"},
    "AlgorithmSpecification": {"TrainingImage": "knn:1", "TrainingInputMode": "File"},
    "ResourceConfig": {"InstanceCount": 1},
}


HINT = {"Name": "lr", "ValueHint": "0.1"}


def request(job=JOB, **config):
    return {
        "HyperParameterTuningJobName": "t",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "a"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "c", "Values": ["1", "2"]}]},
            **config,
        },
        "TrainingJobDefinition": job,
    }


def test_a_request_is_read():
    tuning = definition.parse(request(RandomSeed=7, TrainingJobEarlyStoppingType="Auto"))

    assert (tuning.most_jobs, tuning.parallel, tuning.seed, tuning.stops_early) == (4, 2, "7", True)
    assert tuning.definitions[0].objective == Objective(metric="a", type="Maximize")


@pytest.mark.parametrize(
    ("config", "static", "most"),
    [
        ({"MaxResource": 9}, {"epochs": "27"}, 9),
        ({}, {"epochs": "27"}, 27),
        ({"MinResource": 3}, {"num_epochs": '"27"'}, 27),  # as the SDK writes what a script takes
    ],
)
def test_hyperbands_most_is_given_or_a_static_number_of_epochs(config, static, most):
    job = JOB | {"StaticHyperParameters": static}
    tuning = definition.parse(
        request(job, Strategy="Hyperband", StrategyConfig={"HyperbandStrategyConfig": config})
    )

    assert tuning.definitions[0].halving == definition.Halving(least=config.get("MinResource", 1), most=most)


def test_a_grid_has_as_many_jobs_as_points():
    limits = {"ResourceLimits": {"MaxParallelTrainingJobs": 1}}

    assert definition.parse(request(Strategy="Grid", **limits)).most_jobs == 2


def several(*points):
    """Return a request with a definition for each list of points."""
    body = request()
    config, job = body["HyperParameterTuningJobConfig"], body.pop("TrainingJobDefinition")
    body["TrainingJobDefinitions"] = [
        job
        | {
            "DefinitionName": f"d{place}",
            "TuningObjective": config["HyperParameterTuningJobObjective"],
            "HyperParameterRanges": {"CategoricalParameterRanges": [{"Name": "c", "Values": values}]},
        }
        for place, values in enumerate(points)
    ]
    return body


def test_definitions_take_turns_until_each_has_had_its_points():
    turns = definition.parse(several(["1"], ["1", "2", "3"], ["1", "2"])).turns()

    assert [each.name for each in turns] == ["d0", "d1", "d2", "d1", "d2", "d1"]


def test_definitions_without_an_end_take_turns_for_ever():
    turns = definition.parse(request(ParameterRanges={"AutoParameters": [HINT]})).turns()

    assert len(list(itertools.islice(turns, 1000))) == 1000


def test_definitions_of_the_same_name_are_refused():
    body = several(["1"], ["2"])
    body["TrainingJobDefinitions"][1]["DefinitionName"] = "d0"

    with pytest.raises(definition.DefinitionError, match="'d0' is in TrainingJobDefinitions twice"):
        definition.parse(body)


def test_one_definition_and_several_are_refused():
    with pytest.raises(definition.DefinitionError, match="one of TrainingJobDefinition and TrainingJobDefin"):
        definition.parse(several(["1"]) | {"TrainingJobDefinition": JOB})


def test_a_target_that_is_never_reached_ends_at_the_quota():
    endless = request(
        ResourceLimits={"MaxParallelTrainingJobs": 1},
        TuningJobCompletionCriteria={"TargetObjectiveMetricValue": 1.0},
    )

    assert definition.parse(endless).most_jobs == 750


def test_what_was_static_in_a_parent_is_known_where_it_is_tuned(tmp_path):
    tuning = {"HyperParameterTuningJobName": "p", "HyperParameterTuningJobArn": "arn:p", "CreationTime": 1.0}
    body = {
        "TrainingJobName": "t",
        "TrainingJobStatus": "Completed",
        "HyperParameters": {"c": "2", "other": "1", "_tuning_objective_metric": "a"},
        "TunedHyperParameters": {"other": "1"},
        "FinalMetricDataList": [{"MetricName": "a", "Value": 0.5}],
    }

    with contextlib.closing(Store(tmp_path / "state.db")) as store:
        children = Children(store, tmp_path, tuning)
        found = children.trial(body, definition.parse(request()).definitions[0], curve=False)

    assert (found.parameters, found.value) == ({"c": "2"}, 0.5)


def test_auto_parameters_are_searched_around_their_hints():
    hints = [
        HINT,
        {"Name": "n", "ValueHint": "100"},
        {"Name": "w", "ValueHint": "tanh"},
        {"Name": "missing", "ValueHint": "nan"},
    ]

    lr, n, w, missing = (
        definition.parse(request(ParameterRanges={"AutoParameters": hints})).definitions[0].ranges
    )

    assert (lr.kind, lr.low, lr.high) == ("Continuous", pytest.approx(0.01), pytest.approx(1.0))
    assert (n.kind, n.low, n.high) == ("Integer", 10, 1000)
    assert w.values == ("tanh",)
    assert missing.values == ("nan",)


@pytest.mark.parametrize(
    ("changes", "job", "message"),
    [
        ({"ParameterRanges": {}}, JOB, "at least one parameter range"),
        ({"HyperParameterTuningJobObjective": None}, JOB, "needs an objective"),
        ({}, JOB | {"StaticHyperParameters": {"c": "1"}}, "'c' is static and has a range"),
        (
            {},
            JOB | {"ResourceConfig": {}, "HyperParameterTuningResourceConfig": {"InstanceCount": 1}},
            "one of ResourceConfig and HyperParameterTuningResourceConfig is needed; both are there",
        ),
        (
            {},
            {key: value for key, value in JOB.items() if key != "ResourceConfig"}
            | {"HyperParameterTuningResourceConfig": {"AllocationStrategy": "Prioritized"}},
            "HyperParameterTuningResourceConfig names no instance: .* AllocationStrategy",
        ),
        ({"ResourceLimits": {"MaxParallelTrainingJobs": 1}}, JOB, "needs MaxNumberOfTrainingJobs"),
        (
            {
                "Strategy": "Grid",
                "ResourceLimits": {"MaxNumberOfTrainingJobs": 9, "MaxParallelTrainingJobs": 1},
            },
            JOB,
            "the grid has 2 points",
        ),
        (
            {
                "Strategy": "Grid",
                "ParameterRanges": {
                    "IntegerParameterRanges": [{"Name": "n", "MinValue": "1", "MaxValue": "2"}]
                },
            },
            JOB,
            "categorical ranges only",
        ),
        (
            {"Strategy": "Hyperband", "TrainingJobEarlyStoppingType": "Auto"},
            JOB | {"StaticHyperParameters": {"epochs": "9"}},
            "takes Off",
        ),
        (
            {
                "Strategy": "Hyperband",
                "StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 9, "MaxResource": 3}},
            },
            JOB,
            "it must be less",
        ),
        ({"Strategy": "Hyperband"}, JOB, "needs a MaxResource: .* epochs, numepochs"),
        (
            {"Strategy": "Hyperband"},
            JOB | {"StaticHyperParameters": {"epochs": "20001"}},
            "20000 is the most",
        ),
        (
            {"ParameterRanges": {"CategoricalParameterRanges": [{"Name": "c", "Values": ["1"]}] * 2}},
            JOB,
            "several ranges",
        ),
        (
            {
                "TuningJobCompletionCriteria": {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}},
            },
            JOB,
            "cannot tell convergence",
        ),
        (
            {
                "TuningJobCompletionCriteria": {"ConvergenceDetected": {"CompleteOnConvergence": "Disabled"}},
                "ResourceLimits": {"MaxParallelTrainingJobs": 1},
            },
            JOB,
            "needs MaxNumberOfTrainingJobs",
        ),
    ],
)
def test_requests_that_cannot_be_carried_out(changes, job, message):
    with pytest.raises(definition.DefinitionError, match=message):
        definition.parse(request(job, **changes))


@pytest.mark.parametrize(
    ("criteria", "values", "reached"),
    [
        ({"TargetObjectiveMetricValue": 0.8}, [0.5, 0.81], True),
        ({"TargetObjectiveMetricValue": 0.8}, [0.5], False),
        (
            {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}},
            [0.9, 0.1, 0.2, 0.3],
            True,
        ),
        (
            {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}},
            [0.1, 0.9, 0.2, 0.3],
            False,
        ),
        (  # each better, none by a hundredth
            {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}},
            [0.9, 0.901, 0.902, 0.903],
            True,
        ),
        (  # below 0 a hundredth is one of the amount
            {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}},
            [-0.9, -0.95, -0.96, -0.89],
            False,
        ),
        (  # from 0 on everything is more
            {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}},
            [0.0, 0.0, 0.0, 0.001],
            False,
        ),
        ({}, [], False),
    ],
)
def test_completion_criteria(criteria, values, reached):
    tuning = definition.parse(request(TuningJobCompletionCriteria=criteria))

    assert summaries.has_reached([done({}, value) for value in values], tuning) is reached
