"""What a job left is read as the job saw it, and nothing that is not its own."""

import os

import pytest

from sagelocal.container import sight
from sagelocal.container.isolation import Isolation
from sagelocal.container.layout import Layout

ISOLATED, BARE = Isolation(bwrap="bwrap"), Isolation(reason="none")


@pytest.fixture
def tree(tmp_path):
    made = Layout(tmp_path / "job" / "ml")
    made.make()
    (made.scratch / "out").mkdir(parents=True)
    return made


def look(tree, folder=None, isolated=ISOLATED):
    """Return the content of each file, and what was left out."""
    left_out = []
    found = list(sight.of(isolated, tree).contents(folder or tree.model, left_out.append))
    return {each.name: each.place.read_text() for each in found if not each.is_folder}, left_out


@pytest.mark.parametrize(
    ("target", "content"),
    [
        ("/opt/ml/model/ckpt", "w"),
        ("ckpt", "w"),
        ("./sub/../ckpt", "w"),
        ("/opt/ml/../ml/model/ckpt", "w"),
        ("../../../tmp/out/x", "t"),
        ("/tmp/out/x", "t"),
        ("second", "t"),
    ],
)
def test_a_link_is_what_the_job_saw_behind_it(tree, target, content):
    (tree.model / "sub").mkdir()
    (tree.model / "ckpt").write_text("w")
    (tree.scratch / "out" / "x").write_text("t")
    (tree.model / "second").symlink_to("/tmp/out/x")
    (tree.model / "best").symlink_to(target)
    files, left_out = look(tree)
    assert (files["best"], left_out) == (content, [])


def test_a_folder_may_be_a_link(tree):
    tree.model.rmdir()
    tree.model.symlink_to("/tmp/out")
    (tree.scratch / "out" / "sub").mkdir()
    (tree.scratch / "out" / "sub" / "x").write_text("t")
    (tree.scratch / "out" / "latest").symlink_to("sub")
    assert look(tree) == ({"latest/x": "t", "sub/x": "t"}, [])


def test_what_is_not_the_jobs_is_left_out_by_name(tree):
    links = {
        "circle": "circle",
        "dangling": "/tmp/none/x",
        "inside": ".",
        "machine": "/etc",
        "passwd": "/etc/passwd",
        "relative": "../" * 50 + "etc/passwd",
        "root": "/",
    }
    for name, target in links.items():
        (tree.model / name).symlink_to(target)
    os.mkfifo(tree.model / "pipe")
    (tree.model / "kept").write_text("k")
    assert look(tree) == (
        {"kept": "k"},
        [
            "/opt/ml/model/circle leads in a circle",
            "/opt/ml/model/dangling leads to /tmp/none/x, where nothing is",
            "/opt/ml/model/inside leads in a circle",
            "/opt/ml/model/machine leads to /etc, which is not the job's",
            "/opt/ml/model/passwd leads to /etc/passwd, which is not the job's",
            "/opt/ml/model/pipe is no file and no folder",
            "/opt/ml/model/relative leads to /etc/passwd, which is not the job's",
            "/opt/ml/model/root leads to /, which is not the job's",
        ],
    )


def test_links_that_lead_to_each_other_come_to_an_end(tree):
    for one, other in ("ab", "ba"):
        (tree.model / one).mkdir()
        (tree.model / one / "to").symlink_to(f"/opt/ml/model/{other}")
        (tree.model / one / "x").write_text(one)
    files, left_out = look(tree)
    assert files == {"a/x": "a", "a/to/x": "b", "b/x": "b", "b/to/x": "a"}
    assert left_out == ["/opt/ml/model/b/to leads in a circle", "/opt/ml/model/a/to leads in a circle"]


def test_a_folder_that_leads_out_holds_nothing(tree):
    tree.model.rmdir()
    tree.model.symlink_to("/etc")
    assert look(tree) == ({}, ["/opt/ml/model leads to /etc, which is not the job's"])
    tree.processing.symlink_to("/usr")
    words = "/opt/ml/processing/bin leads to /usr/bin, which is not the job's"
    assert look(tree, tree.processing / "bin") == ({}, [words])


def test_a_folder_that_is_none_holds_nothing(tree):
    tree.model.rmdir()
    assert look(tree) == ({}, [])
    tree.model.write_text("no folder")
    assert look(tree) == ({}, ["/opt/ml/model is no folder"])


@pytest.mark.parametrize("through_a_link", [False, True])
def test_a_job_that_is_not_isolated_has_its_own_tree_alone(tree, tmp_path, through_a_link):
    if through_a_link:
        (tmp_path / "data").symlink_to(tmp_path / "job")
        seen = Layout(tmp_path / "data" / "ml")
    else:
        seen = tree
    (tree.model / "ckpt").write_text("w")
    (tree.model / "best").symlink_to(tree.model / "ckpt")
    (tree.model / "other").symlink_to(tree.scratch / "out")
    files, left_out = look(seen, isolated=BARE)
    assert files == {"best": "w", "ckpt": "w"}
    assert [each.rpartition(" leads to ")[0] for each in left_out] == [str(seen.model / "other")]


def test_the_head_of_a_file_is_read_where_it_is_the_jobs(tree):
    seen = sight.of(ISOLATED, tree)
    assert seen.head(tree.failure, 3) == b""
    tree.failure.write_text("failed")
    assert seen.head(tree.failure, 3) == b"fai"
    tree.failure.unlink()
    tree.failure.symlink_to("/etc/passwd")
    assert seen.head(tree.failure, 3) == b""
    tree.failure.unlink()
    tree.failure.mkdir()
    assert seen.head(tree.failure, 3) == b""


def test_what_is_seen_again_is_told_once():
    told = []
    tell = sight.once(told.append)
    for words in ("a", "b", "a"):
        tell(words)
    assert told == ["a", "b"]
