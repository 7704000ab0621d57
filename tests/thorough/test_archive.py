"""Archives: what goes in comes out, in the same bytes each time, and nothing gets out of the folder."""

import gzip
import io
import os
import tarfile
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagelocal import archive

NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)
TREES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.binary(max_size=200), max_size=6
)


def write(folder, tree):
    """Write files, leaving out those that would be both file and folder."""
    written = {}
    for name, content in tree.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue
        written[name] = content
    return written


def entries(folder):
    """Return the files and folders by their names."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}


def make(path, *members):
    """Write a tar.gz of (TarInfo, content) pairs."""
    with tarfile.open(path, "w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def special(name, kind, link=""):
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = link
    return member


@settings(max_examples=40)
@given(TREES)
def test_what_is_packed_is_unpacked(tmp_path_factory, tree):
    root = tmp_path_factory.mktemp("tree")
    (root / "in").mkdir()
    written = write(root / "in", tree)
    assert archive.pack(entries(root / "in").items(), root / "a.tar.gz") == len(written)
    names = archive.extract(root / "a.tar.gz", root / "out")
    assert sorted(names) == sorted(written)
    assert {name: (root / "out" / name).read_bytes() for name in names} == written
    assert entries(root / "out").keys() == entries(root / "in").keys()


def test_equal_folders_give_equal_bytes(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, {"b/x": b"1", "a": b"2"})
        archive.pack(entries(tmp_path / name).items(), tmp_path / f"{name}.tar.gz")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (tarfile.TarInfo("../evil"), "outside the folder"),
        (tarfile.TarInfo("/etc/evil"), "outside the folder"),
        (tarfile.TarInfo("a/../../evil"), "outside the folder"),
        (tarfile.TarInfo("..\\evil"), "outside the folder"),  # a path of Windows
        (special("link", tarfile.SYMTYPE, "/etc/passwd"), "symbolic link"),
        (special("hard", tarfile.LNKTYPE, "x"), "hard link"),
        (special("null", tarfile.CHRTYPE), "device"),
        (special("pipe", tarfile.FIFOTYPE), "device"),
        (tarfile.TarInfo("n" * 2000), "2000 characters"),
    ],
)
def test_members_that_are_not_plain_are_refused(tmp_path, member, words):
    make(tmp_path / "a.tar.gz", (member, b""))
    with pytest.raises(archive.ArchiveError, match=words):
        archive.extract(tmp_path / "a.tar.gz", tmp_path / "out" / "deep")
    assert not (tmp_path / "evil").exists()


def test_a_bomb_is_stopped_by_what_it_unpacks_to(tmp_path):
    make(tmp_path / "a.tar.gz", (tarfile.TarInfo("zeros"), bytes(5 << 20)))
    with pytest.raises(archive.ArchiveError, match="unpacks to more than"):
        archive.extract(tmp_path / "a.tar.gz", tmp_path / "out", archive.Limits(total_bytes=1 << 20))


def test_too_many_members_are_refused(tmp_path):
    make(tmp_path / "a.tar.gz", *((tarfile.TarInfo(str(n)), b"") for n in range(5)))
    with pytest.raises(archive.ArchiveError, match="more than 4 members"):
        archive.extract(tmp_path / "a.tar.gz", tmp_path / "out", archive.Limits(members=4))


@pytest.mark.parametrize("content", [b"", b"plain text", gzip.compress(b"no tar at all" * 100, mtime=0)])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(archive.ArchiveError, match=r"a\.tar\.gz"):
        archive.extract(tmp_path / "a.tar.gz", tmp_path / "out")


def test_a_broken_block_is_refused(tmp_path):
    packed = bytearray(make(tmp_path / "a.tar.gz", (tarfile.TarInfo("x"), os.urandom(1 << 20))).read_bytes())
    packed[len(packed) // 2 :] = b"\xff" * (len(packed) // 2)
    (tmp_path / "a.tar.gz").write_bytes(packed)
    with pytest.raises(archive.ArchiveError, match="cannot be unpacked"):
        archive.extract(tmp_path / "a.tar.gz", tmp_path / "out")


def test_a_cut_archive_is_refused(tmp_path):
    whole = make(tmp_path / "a.tar.gz", (tarfile.TarInfo("x"), bytes(range(256)) * 400)).read_bytes()
    (tmp_path / "a.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(archive.ArchiveError, match="cannot be unpacked"):
        archive.extract(tmp_path / "a.tar.gz", tmp_path / "out")


def header(kind, size):
    """Return the head of a member that only tells of the next one."""
    member = tarfile.TarInfo("././@PaxHeader")
    member.type, member.size = kind, size
    return member.tobuf(tarfile.USTAR_FORMAT)


def sparse_map(blocks):
    """Return the head of a sparse file, with blocks of its map that each say that another one follows."""
    head = bytearray(header(tarfile.GNUTYPE_SPARSE, 0))
    head[482] = 1
    head[148:156] = b"%06o\0 " % (sum(head[:148]) + 8 * 32 + sum(head[156:]))
    return bytes(head) + (bytes(504) + b"\1" + bytes(7)) * blocks


@pytest.mark.parametrize(
    "start",
    [
        header(tarfile.XHDTYPE, 64 << 20) + bytes(64 << 20),
        header(tarfile.GNUTYPE_LONGNAME, 64 << 20) + b"n" * (64 << 20),
        sparse_map(32 << 10),
    ],
    ids=["pax", "long name", "sparse"],
)
@pytest.mark.parametrize("before", [b"", tarfile.TarInfo("a").tobuf()], ids=["first", "second"])
def test_heads_that_would_fill_the_memory_are_refused(tmp_path, before, start):
    packed = gzip.compress(before + start + tarfile.TarInfo("x").tobuf() + bytes(1024), 1)
    (tmp_path / "a.tar.gz").write_bytes(packed)
    tracemalloc.start()
    try:
        with pytest.raises(archive.ArchiveError, match=r"a member's head of more than 4194304 bytes"):
            archive.extract(tmp_path / "a.tar.gz", tmp_path / "out")
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_heads_without_end_are_refused(tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(header(tarfile.XHDTYPE, 0) * 2000))
    with pytest.raises(archive.ArchiveError, match="cannot be unpacked"):
        archive.extract(tmp_path / "a.tar.gz", tmp_path / "out")


def test_large_files_need_no_large_heads(tmp_path):
    big = bytes(range(256)) * (24 << 10)
    names = ["a", "/".join(["n" * 100] * 3)]
    make(tmp_path / "a.tar.gz", *((tarfile.TarInfo(name), big) for name in names))
    assert archive.extract(tmp_path / "a.tar.gz", tmp_path / "out") == names
