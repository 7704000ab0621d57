"""The real SageMaker SDK trains, serves and processes with the frameworks' images, unchanged."""

from pathlib import Path

from tests.integration.sdk import running

HOME = Path(__file__).parent


def test_the_sdks_script_runs_to_its_end(tmp_path, emulator):
    ran = running.run("v2_frameworks", folder=tmp_path, emulator=emulator, home=HOME)
    assert ran.code == 0, ran.output[-6000:]
