"""What the hosts of a job leave goes to S3, links as the job saw them, and nothing of the machine's."""

import tarfile

import pytest

from sagelocal import storage
from sagelocal.container import sight
from sagelocal.container.isolation import Isolation
from sagelocal.container.layout import Layout
from sagelocal.jobs import artifacts, checkpoints, outputs
from sagelocal.jobs.processing_plan import Output

ISOLATED = Isolation(bwrap="bwrap")
ASTRAY = "/opt/ml/{} leads to /etc, which is not the job's"


@pytest.fixture
def bucket(tmp_path):
    made = storage.DirectoryStorage(tmp_path / "s3")
    made.make_bucket("b")
    return made


@pytest.fixture
def trees(tmp_path):
    made = [Layout(tmp_path / "job" / "ml"), Layout(tmp_path / "job" / "algo-2" / "ml")]
    for tree in made:
        tree.make()
        tree.scratch.mkdir()
    return made


def seen(tree):
    return sight.of(ISOLATED, tree)


def models(trees):
    """Return what the hosts left as models, and what was said of it."""
    said = []
    folders = [(seen(tree), tree.model) for tree in trees]
    return artifacts.collect("model", folders, said.append), said


def names(bucket):
    return [item.key for item in bucket.list("s3://b/")]


def test_a_model_is_what_all_hosts_left_and_the_first_hosts_where_two_did(trees):
    one, two = trees
    (one.model / "a").write_text("1")
    (one.model / "b").mkdir()
    (two.model / "a").mkdir()  # a folder where the first has a file
    (two.model / "a" / "x").write_text("2")
    (two.model / "b").mkdir()
    (two.model / "b" / "x").write_text("2")
    (two.model / "c").symlink_to("/tmp/c")  # the second's own
    (one.scratch / "c").write_text("1")
    (two.scratch / "c").write_text("2")
    found, said = models(trees)
    assert [(each.name, each.is_folder) for each in found] == [
        ("a", False),
        ("b", True),
        ("b/x", False),
        ("c", False),
    ]
    assert [each.place.read_text() for each in found if not each.is_folder] == ["1", "2", "2"]
    assert said == [f"Left out of model, another host has it too: {name}" for name in ("a", "a/x")]
    assert (two.model / "b" / "x").exists()


@pytest.mark.parametrize("host", [0, 1])
def test_a_hosts_model_that_leads_out_is_neither_read_nor_written_nor_moved(trees, bucket, tmp_path, host):
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis").write_text("precious")
    trees[host].model.rmdir()
    trees[host].model.symlink_to(home)
    (trees[1 - host].model / "weights").write_text("w")
    found, said = models(trees)
    assert artifacts.upload(
        bucket, found, kind="model", output_uri="s3://b/j", compress=False, drafts=tmp_path / "drafts"
    )
    assert names(bucket) == ["j/output/model/weights"]
    assert [path.name for path in home.iterdir()] == ["thesis"]
    (words,) = said
    assert words.startswith("Left out of model: /opt/ml/model leads to ")


def test_a_models_links_are_in_its_archive_as_what_they_point_to(trees, bucket, tmp_path):
    tree = trees[0]
    tree.model.rmdir()
    tree.model.symlink_to("/tmp/out")
    (tree.scratch / "out").mkdir()
    (tree.scratch / "out" / "ckpt").write_text("w")
    (tree.scratch / "out" / "best").symlink_to("/opt/ml/model/ckpt")
    (tree.scratch / "out" / "machine").symlink_to("/etc")
    found, said = models([tree])
    assert artifacts.upload(
        bucket, found, kind="model", output_uri="s3://b/j", compress=True, drafts=tmp_path / "drafts"
    )
    with bucket.open("s3://b/j/output/model.tar.gz") as packed, tarfile.open(fileobj=packed) as tar:
        assert {member.name: tar.extractfile(member).read() for member in tar} == {
            "best": b"w",
            "ckpt": b"w",
        }
    assert said == ["Left out of model: " + "/tmp/out/machine leads to /etc, which is not the job's"]


def test_folders_alone_are_no_model(trees, bucket, tmp_path):
    (trees[0].model / "empty").mkdir()
    found, _ = models(trees)
    assert not artifacts.upload(
        bucket, found, kind="model", output_uri="s3://b/j", compress=True, drafts=tmp_path / "drafts"
    )
    assert names(bucket) == []


def test_an_output_that_leads_out_is_not_uploaded_and_is_told_once(trees, bucket):
    tree, said = trees[0], []
    place = tree.processing / "output"
    tree.processing.mkdir()
    place.symlink_to("/etc")
    output = Output(name="o", uri="s3://b/out", local_path="/opt/ml/processing/output", continuous=True)
    folder = outputs.Folder(bucket, output, place, seen(tree), said.append)
    folder.look()
    folder.look()
    assert (folder.finish(), names(bucket)) == (0, [])
    assert said == ["Left out of the output 'o': " + ASTRAY.format("processing/output")]


def test_checkpoints_are_kept_with_their_links_and_nothing_of_the_machines(trees, bucket):
    tree, said = trees[0], []
    sync = checkpoints.CheckpointSync(bucket, "s3://b/kept", tree.checkpoints, seen(tree), said.append)
    sync.restore()
    (tree.checkpoints / "5.pt").write_text("w")
    (tree.checkpoints / "latest.pt").symlink_to("/opt/ml/checkpoints/5.pt")
    (tree.checkpoints / "machine").symlink_to("/etc")
    sync.close()
    assert names(bucket) == ["kept/5.pt", "kept/latest.pt"]
    assert said == ["Left out of the checkpoints: " + ASTRAY.format("checkpoints/machine")]
