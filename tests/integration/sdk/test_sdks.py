"""The real SageMaker SDKs, unchanged, do against sagelocal what they do against SageMaker.

The scripts mostly wait for the SDK's next poll, so they run side by side: the first test starts all that
were selected.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.integration.sdk import running

SCRIPTS = {
    "v2_tutorial": "the tutorial: train, load the model, predict, transform, delete",
    "v2_processing": "processors, with a source folder and requirements",
    "v2_tuning_registry": "tune, register, approve, deploy the package",
    "v2_pipeline": "a pipeline with a condition and a registration",
    "v2_lineage": "a run of an experiment, and lineage from the package back to the data",
    "v3_lineage": "a run, ModelBuilder's register and deploy, lineage from the endpoint to the data",
    "v3_train": "ModelTrainer, an endpoint, transform",
    "v3_processing": "processors, with a source folder and requirements",
    "v3_pipeline": "a pipeline with a condition and a registration",
    "v3_tuning": "tune, register, approve, deploy the package",
}
AT_ONCE = 3


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory, emulator):
    """Start the selected scripts; each gives its result when it has ended."""
    wanted = [
        item.callspec.params["script"]
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            script: pool.submit(
                running.run, script, folder=tmp_path_factory.mktemp(script), emulator=emulator
            )
            for script in wanted
        }


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_sdks_script_runs_to_its_end(runs, script):
    ran = runs[script].result()
    assert ran.code == 0, ran.output[-6000:]
