"""An object store that does not answer is the platform's fault; what it does not have is the client's."""

import pytest

from sagelocal import storage
from sagelocal.container.layout import Layout
from sagelocal.jobs import failure, inputs, source

DOWN = storage.UnreachableError("s3://b/k: no answer")


class Down(storage.DirectoryStorage):
    """A store that does not answer."""

    def download(self, uri, path):
        raise DOWN


@pytest.mark.parametrize(
    ("error", "want"),
    [
        (DOWN, "InternalServerError"),
        (inputs.UnreachableError("Data download failed"), "InternalServerError"),
        (storage.MissingObjectError("s3://b/k: NoSuchKey"), "ClientError"),
        (inputs.InputError("No S3 objects found"), "ClientError"),
        (None, "ClientError"),
    ],
)
def test_whose_fault_it_is(error, want):
    assert failure.fault(error) == want


def test_a_source_archive_that_is_not_there_differs_from_a_store_that_is_down(tmp_path):
    tree, draft = Layout(tmp_path / "ml"), tmp_path / "sourcedir.tar.gz"
    (tmp_path / "b").mkdir()
    with pytest.raises(source.SourceError, match="NoSuchKey"):
        source.fetch(storage.DirectoryStorage(tmp_path), "s3://b/code.tar.gz", tree, draft)
    with pytest.raises(storage.UnreachableError):
        source.fetch(Down(tmp_path), "s3://b/code.tar.gz", tree, draft)
