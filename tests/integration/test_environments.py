"""Environments by uv: made once however many ask, anew when a making was cut off."""

import dataclasses
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.integration.training_jobs import IMAGE

from sagelocal.container import environments, images
from sagelocal.container.environments import MARK, EnvironmentMakingError, Environments

ASKING = 6
PACKAGE = "from setuptools import setup; setup(name='mine', version='1', py_modules=['mine'])"


@pytest.fixture
def image():
    """Give an image whose environment is empty, and so is made in no time."""
    return dataclasses.replace(images.resolve(IMAGE.format("1.9-0"), "exact"), requirements="", warm=())


@pytest.fixture
def kept(tmp_path):
    return Environments(tmp_path / "envs")


def runs(made, *words):
    command = [str(made.python), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_it_is_made_once_however_many_ask(kept, image):
    with ThreadPoolExecutor(ASKING) as pool:
        found = list(pool.map(lambda _: kept.ensure(image), range(ASKING)))
    assert len({made.root for made in found}) == 1
    assert sorted(made.made for made in found) == [False] * (ASKING - 1) + [True]
    assert runs(found[0], "-c", "import sys; print(sys.prefix)") == str(found[0].root)
    assert [each.key for each in kept.listed()] == [found[0].key]


def test_one_whose_making_was_cut_off_is_made_anew(kept, image):
    made = kept.ensure(image)
    (made.root / MARK).unlink()
    made.python.unlink()
    again = kept.ensure(image)
    assert (again.root, again.made) == (made.root, True)
    assert runs(again, "-c", "print(1)") == "1"


def test_requirements_are_a_layer_by_their_text_and_the_files_that_they_name(kept, image, tmp_path):
    def layer(name, word):
        source = tmp_path / name  # each job has a folder of its own
        source.mkdir()
        (source / "setup.py").write_text(PACKAGE)
        (source / "mine.py").write_text(f"WORD = {word}")
        return kept.ensure(image, ".\n", source)

    base, first = kept.ensure(image), layer("first", 1)
    assert runs(first, "-c", "import mine; print(mine.WORD)") == "1"
    assert (layer("same", 1).made, layer("same again", 1).root) == (False, first.root)
    other = layer("other", 2)
    assert runs(other, "-c", "import mine; print(mine.WORD)") == "2"
    assert kept.ensure(image, "# nothing\n").root == base.root


@pytest.mark.parametrize(
    ("text", "is_local"),
    [
        ("joblib==1.0\n", False),
        ("a @ https://example.com/a.zip\n", False),
        ("a\n./b\n", True),
        ("-r more.txt", True),
        ("b-1-py3-none-any.whl", True),
        ("wheels/b.whl", True),
        ("b @ file:b.whl", True),
    ],
)
def test_what_names_files_of_the_source(text, is_local):
    assert bool(environments.names_files(text)) == is_local


def test_what_cannot_be_installed_leaves_nothing(kept, image):
    kept.ensure(image)
    with pytest.raises(EnvironmentMakingError, match="no-such-file"):
        kept.ensure(image, "./no-such-file.whl\n")
    assert len(kept.listed()) == 1


def test_stand_ins_of_the_toolkits_are_there_until_the_real_one_is_installed(kept, image, tmp_path):
    asks = ("-c", "from sagemaker_inference import errors as e; print(getattr(e, 'REAL', e.__file__))")
    (tmp_path / "sagemaker_inference").mkdir()
    (tmp_path / "sagemaker_inference" / "__init__.py").touch()
    (tmp_path / "sagemaker_inference" / "errors.py").write_text("REAL = 'real'")
    real = PACKAGE.replace("py_modules=['mine']", "packages=['sagemaker_inference']")
    (tmp_path / "setup.py").write_text(real)
    other = tmp_path / "other"
    other.mkdir()
    (other / "setup.py").write_text(PACKAGE)
    (other / "mine.py").touch()

    base, layer = kept.ensure(image), kept.ensure(image, ".\n", other)
    assert runs(base, *asks) == str(base.root / "stand-ins" / "sagemaker_inference" / "errors.py")
    assert runs(layer, *asks) == str(layer.root / "stand-ins" / "sagemaker_inference" / "errors.py")
    assert runs(kept.ensure(image, ".\n", tmp_path), *asks) == "real"
