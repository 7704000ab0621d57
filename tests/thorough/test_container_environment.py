"""The script's variables and arguments are those that the real training toolkit gives it.

`data/training_toolkit.json` holds what sagemaker-training 5.1.4 itself answered for these files
(`tools/training_toolkit.py` asks it).
"""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelocal.container import environment
from sagelocal.container.layout import OPT_ML, Layout

GOLDEN = json.loads((Path(__file__).parent / "data" / "training_toolkit.json").read_text())

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def facts(case):
    return environment.Facts(
        base=Layout(OPT_ML),
        hyperparameters=case["hyperparameters"],
        resource_config=case["resourceconfig"],
        input_data_config=case["inputdataconfig"],
        variables=case["environment"],
        cpus=case["cpus"],
    )


@pytest.mark.parametrize("name", GOLDEN)
def test_variables_equal_the_toolkits(name):
    case = GOLDEN[name]
    ours = environment.variables(facts(case))
    assert {key: ours[key] for key in case["set"]} == case["set"]
    assert {key: value for key, value in ours.items() if key.startswith("SM_")} == case["env"]


@pytest.mark.parametrize("name", GOLDEN)
def test_arguments_equal_the_toolkits(name):
    case = GOLDEN[name]
    decoded = environment.decode(case["hyperparameters"])
    assert environment.arguments(environment.user_parameters(decoded)) == case["args"]


@given(json_values)
def test_any_json_value_survives_being_a_hyperparameter(value):
    assert environment.decode({"name": json.dumps(value)}) == {"name": value}


@given(st.text().filter(lambda text: not _is_json(text)))
def test_any_text_that_is_no_json_survives_as_it_is(text):
    assert environment.decode({"name": text}) == {"name": text}


def _is_json(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("script", "is_package", "command"),
    [
        ("train.py", False, ["py", "train.py", "--a", "x y"]),
        ("sub/train.py", False, ["py", "sub/train.py", "--a", "x y"]),
        ("train.py", True, ["py", "-m", "train", "--a", "x y"]),  # its folder has a setup.py
        ("train.sh", True, ["/bin/sh", "-c", "./train.sh --a 'x y'"]),
        ("train", False, ["/bin/sh", "-c", "./train --a 'x y'"]),
    ],
)
def test_the_command_depends_on_the_kind_of_script(script, is_package, command):
    assert environment.command("py", script, ["--a", "x y"], is_package=is_package) == command


@pytest.mark.parametrize(
    "script", ["", "../train.py", "/train.py", "-c", "a;b.sh", "a/../b.py", "./x.py", "a b.py"]
)
def test_a_script_outside_the_source_folder_is_refused(script):
    with pytest.raises(environment.EntryPointError, match="entry point"):
        environment.command("py", script, [], is_package=False)


def test_without_an_entry_point_it_is_said_where_its_name_belongs():
    with pytest.raises(environment.EntryPointError, match="in the hyperparameter sagemaker_program, with"):
        environment.command("py", "", [], is_package=False)
