"""FailureReason holds what helps, in SageMaker's shape, within its 1024 characters."""

import pytest

from sagelocal.container.exits import Exit
from sagelocal.jobs import failure

LINES = ["before", "Traceback (most recent call last):", '  File "t.py", line 1', "ValueError: bad", ""]


def tail(lines):
    kept = failure.Tail()
    for line in lines:
        kept.add(line)
    return kept.error()


def test_the_last_traceback_is_the_error():
    assert tail(["Traceback (most recent call last):", "KeyError: 1", *LINES]).splitlines() == LINES[1:4]


def test_without_a_traceback_the_last_lines_are():
    assert tail([f"line {n}" for n in range(9)]) == "line 4\nline 5\nline 6\nline 7\nline 8"


def test_a_script_that_raised():
    reason = failure.script(Exit(1), ["python", "t.py", "--a", "x y"], "ValueError: bad")
    assert reason == (
        "AlgorithmError: ExecuteUserScriptError:\nExitCode 1\n"
        'ErrorMessage "ValueError: bad"\nCommand "python t.py --a \'x y\'", exit code: 1'
    )


def test_a_script_that_was_killed_says_the_signal():
    reason = failure.script(Exit(137, 9), ["python", "t.py"], "")
    assert "ExitCode -9" in reason
    assert "killed by SIGKILL" in reason
    assert "OutOfMemory" in reason


@pytest.mark.parametrize("words", ["x" * 5000, "frame\n" * 500 + "ValueError: end"])
def test_a_long_error_keeps_its_end(words):
    reason = failure.script(Exit(1), ["python"] * 300, words)
    assert len(reason) <= 1024
    assert words[-20:] in reason
    assert reason.startswith("AlgorithmError: ExecuteUserScriptError:")
    assert reason.endswith("exit code: 1")


def test_the_failure_file_goes_before_the_log():
    assert failure.container(Exit(7), "bad data\n", "log") == "AlgorithmError: bad data, exit code: 7"
    assert len(failure.container(Exit(7), "y" * 5000, "log")) == 1024


def test_a_resolvers_words_are_kept():
    reason = failure.requirements("No solution found: x==9 is not there")
    assert "InstallRequirementsError" in reason
    assert "No solution found: x==9 is not there" in reason
