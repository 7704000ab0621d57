"""A dataset version is its content: uploaded once, resumed; data as of a moment has no future."""

import json
from datetime import UTC, datetime

import pytest
from boto3.s3.transfer import TransferConfig

from sagewind import dataset
from sagewind.dataset import DatasetError
from sagewind.objects import Address, AddressError, ObjectMissingError, Objects
from sagewind.testing.s3 import S3Twin

TO = Address("b", "data")
SMALL_PARTS = TransferConfig(multipart_threshold=6 << 20, multipart_chunksize=5 << 20, use_threads=False)


@pytest.fixture
def twin():
    return S3Twin(page=2)


@pytest.fixture
def objects(twin):
    return Objects(twin.client())


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "iris"
    (folder / "train").mkdir(parents=True)
    (folder / "train" / "a.csv").write_text("x,y\n1,2\n")
    (folder / "b.csv").write_text("x,y\n3,4\n")
    return folder


def upload(objects, root, **options):
    return dataset.upload(objects, root, TO, name="iris", **options)


def test_an_upload_lies_under_its_content_with_a_manifest_written_last(twin, objects, root):
    done = upload(objects, root)
    assert done.uri == f"s3://b/data/iris/{done.version.digest[:16]}/"
    assert done.sent == ("b.csv", "train/a.csv")
    home = done.uri.removeprefix("s3://b/")
    assert twin.body("b", home + "train/a.csv") == b"x,y\n1,2\n"
    manifest = json.loads(twin.body("b", home + "manifest.json"))
    assert manifest == done.version.to_json()
    assert twin.account.called("PutObject")[-1]["Key"] == home + "manifest.json"
    assert dataset.describe([done]) == {"iris": done.version.digest}


def test_an_unchanged_upload_sends_nothing(twin, objects, root):
    upload(objects, root)
    twin.account.calls.clear()
    again = upload(objects, root)
    assert (again.sent, again.unchanged) == ((), ("b.csv", "train/a.csv"))
    assert [name for name, _ in twin.account.calls] == ["HeadObject"]


def test_an_interrupted_upload_sends_only_what_is_missing(twin, objects, root):
    done = upload(objects, root)
    home = done.uri.removeprefix("s3://b/")
    objects.delete([Address("b", home + "manifest.json"), Address("b", home + "b.csv")])
    assert upload(objects, root).sent == ("b.csv",)


def test_a_changed_byte_or_name_is_another_version(objects, root):
    first = dataset.scan("iris", root)
    (root / "b.csv").write_text("x,y\n3,5\n")
    second = dataset.scan("iris", root)
    (root / "b.csv").rename(root / "c.csv")
    third = dataset.scan("iris", root)
    assert len({first.digest, second.digest, third.digest}) == 3


def test_a_large_file_goes_in_parts_with_checksums(twin, objects, tmp_path):
    file = tmp_path / "big.csv"
    file.write_bytes(b"0123456789abcdef" * (12 << 16))
    done = upload(objects, file, transfer=SMALL_PARTS)
    assert len(twin.account.called("UploadPart")) == 3
    assert twin.account.called("CreateMultipartUpload")[0]["ChecksumAlgorithm"] == "SHA256"
    assert twin.body("b", done.uri.removeprefix("s3://b/") + "big.csv") == file.read_bytes()


def test_a_key_encrypts_every_object(twin, root):
    upload(Objects(twin.client(), kms_key="k"), root)
    assert {call["SSEKMSKeyId"] for call in twin.account.called("PutObject")} == {"k"}


@pytest.mark.parametrize("fault", ["absent", "no file", "empty file", "link"])
def test_what_is_no_dataset_is_refused(objects, tmp_path, fault):
    root = tmp_path / "d"
    if fault != "absent":
        root.mkdir()
    if fault == "empty file":
        (root / "a.csv").touch()
    if fault == "link":
        (root / "a.csv").symlink_to("/etc/hostname")
    message = {
        "absent": "does not exist",
        "no file": "holds no file",
        "empty file": "is empty",
        "link": "link",
    }
    with pytest.raises(DatasetError, match=message[fault]):
        upload(objects, root)


@pytest.fixture
def days(twin):
    for key in (
        "ds=2026-01-01/a.csv",
        "ds=2026-01-02/a.csv",
        "ds=2026-01-02/_SUCCESS",
        "ds=2026-01-03/a.csv",
    ):
        twin.put("b", f"raw/{key}", key)
    return Address("b", "raw")


def test_data_as_of_a_moment_is_the_days_that_had_ended(objects, days):
    chosen = dataset.as_of(objects, days, datetime(2026, 1, 3, tzinfo=UTC))
    assert chosen.to_sagemaker_manifest() == [
        {"prefix": "s3://b/raw/"},
        "ds=2026-01-01/a.csv",
        "ds=2026-01-02/a.csv",
    ]
    later = dataset.as_of(objects, days, datetime(2026, 1, 3, 23, 59, tzinfo=UTC))
    assert later.digest == chosen.digest


def test_a_window_is_the_last_days_before_the_moment(objects, days):
    chosen = dataset.as_of(objects, days, datetime(2026, 1, 4, 4, tzinfo=UTC), days=2)
    assert [each.address.key for each in chosen.entries] == [
        "raw/ds=2026-01-02/a.csv",
        "raw/ds=2026-01-03/a.csv",
    ]


def test_a_repaired_day_is_another_digest(objects, twin, days):
    moment = datetime(2026, 1, 4, tzinfo=UTC)
    before = dataset.as_of(objects, days, moment).digest
    twin.put("b", "raw/ds=2026-01-02/a.csv", "mended")
    assert dataset.as_of(objects, days, moment).digest != before


@pytest.mark.parametrize(
    ("until", "extra", "message"),
    [
        (
            datetime(2026, 1, 1, tzinfo=UTC),
            None,
            "no partition .*; found 3 later object",
        ),
        (datetime(2026, 1, 3), None, "with a time zone"),  # noqa: DTZ001
        (datetime(2026, 1, 3, tzinfo=UTC), "loose.csv", "raw/loose.csv: expected it in a partition"),
        (datetime(2026, 1, 3, tzinfo=UTC), "ds=2026-02-31/a.csv", "ds=2026-02-31 is no date"),
    ],
)
def test_data_that_cannot_be_dated_is_an_error(twin, days, until, extra, message):
    if extra:
        twin.put("b", f"raw/{extra}", "x")
    with pytest.raises(DatasetError, match=message):
        dataset.as_of(Objects(twin.client()), days, until)


def test_addresses():
    assert str(Address.parse("s3://b/a/b") / "c") == "s3://b/a/b/c"
    assert str(Address.parse("s3://b") / "c") == "s3://b/c"
    for bad in ("b/key", "https://b/key", "s3:///key", "s3://b/key?x"):
        with pytest.raises(AddressError, match="expected s3://bucket/key"):
            Address.parse(bad)


def test_objects_that_are_missing_or_no_json_say_which(objects, twin):
    with pytest.raises(ObjectMissingError, match="s3://b/x: there is no such object"):
        objects.read(Address("b", "x"))
    twin.put("b", "x", "{")
    with pytest.raises(ObjectMissingError, match="s3://b/x: expected JSON"):
        objects.read_json(Address("b", "x"))
    assert objects.head(Address("b", "y")) is None
