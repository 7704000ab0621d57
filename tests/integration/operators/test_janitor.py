"""What the janitor's task asks Airflow of a run: one that Airflow does not know keeps its jobs."""

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from sagewind import tasks


def refused(status):
    def state_of(dag_id, run_id):
        assert (dag_id, run_id) == ("iris", "manual__1/2")
        detail = {"status_code": status, "message": "no"}
        raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=detail))

    return state_of


@pytest.mark.parametrize(("state", "over"), [("success", True), ("failed", True), ("running", False)])
def test_a_run_is_over_when_airflow_says_so(state, over):
    assert tasks.run_is_over(lambda *_: state, "iris/manual__1") is over


def test_a_run_that_is_not_known_here_is_left_alone(capsys):
    assert tasks.run_is_over(refused(404), "iris/manual__1/2") is None
    assert "iris/manual__1/2 is not known here" in capsys.readouterr().out
    with pytest.raises(AirflowRuntimeError):
        tasks.run_is_over(refused(500), "iris/manual__1/2")
