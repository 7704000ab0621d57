"""Packed code is the same bytes for the same content, so that its hash says whether it changed."""

import io
import os
import shutil
import tarfile

import pytest

from sagewind import pack


@pytest.fixture
def code(tmp_path):
    folder = tmp_path / "code"
    (folder / "inner").mkdir(parents=True)
    (folder / "train.py").write_text("print(1)\n")
    (folder / "inner" / "more.py").write_text("x = 1\n")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "train.pyc").write_bytes(b"\0")
    (folder / ".hidden").write_text("secret")
    return folder


def test_time_and_place_do_not_matter(code, tmp_path):
    other = tmp_path / "elsewhere"
    shutil.copytree(code, other)
    os.utime(other / "train.py", (1, 1))
    assert pack.pack(code) == pack.pack(other)


def test_content_name_and_mode_matter(code):
    hashes = {pack.pack(code)[0]}
    (code / "train.py").write_text("print(2)\n")
    hashes.add(pack.pack(code)[0])
    (code / "train.py").rename(code / "main.py")
    hashes.add(pack.pack(code)[0])
    (code / "main.py").chmod(0o755)
    hashes.add(pack.pack(code)[0])
    assert len(hashes) == 4


def test_only_code_is_packed(code):
    with tarfile.open(fileobj=io.BytesIO(pack.pack(code)[1])) as archive:
        assert archive.getnames() == ["inner/more.py", "train.py"]
        assert {member.mtime for member in archive.getmembers()} == {0}


def test_nothing_to_pack_is_an_error(tmp_path):
    with pytest.raises(pack.PackError, match="holds no files"):
        pack.pack(tmp_path)


def test_a_link_out_of_the_folder_is_refused(code, tmp_path):
    (tmp_path / "outside").write_text("secret")
    (code / "link.py").symlink_to(tmp_path / "outside")
    with pytest.raises(pack.PackError, match="link out of the folder"):
        pack.pack(code)


def test_what_was_packed_is_unpacked_under_the_same_hash(code):
    key, archive = pack.pack(code)
    assert pack.unpack(archive, name="code") == (
        key,
        {"inner/more.py": b"x = 1\n", "train.py": b"print(1)\n"},
    )


def packed(*members: tarfile.TarInfo) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w:gz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return plain.getvalue()


def member(name, kind=tarfile.REGTYPE):
    made = tarfile.TarInfo(name)
    made.type = kind
    made.linkname = "/etc/passwd"
    return made


@pytest.mark.parametrize(
    ("archive", "says"),
    [
        (packed(member("../train.py")), "holds '../train.py'"),
        (packed(member("/train.py")), "holds '/train.py'"),
        (packed(member("train.py", tarfile.SYMTYPE)), "holds 'train.py'"),
        (packed(member("train.py", tarfile.LNKTYPE)), "holds 'train.py'"),
        (packed(member("pipe", tarfile.FIFOTYPE)), "holds 'pipe'"),
        (packed(member("folder", tarfile.DIRTYPE)), "holds no files"),
        (b"print(1)", "is no tar.gz"),
        (packed(member("train.py"))[:-9], "is no tar.gz"),  # cut off
    ],
    ids=["above", "absolute", "link", "hard link", "pipe", "folder", "no archive", "cut off"],
)
def test_an_archive_that_leads_elsewhere_or_is_none_is_refused(archive, says):
    with pytest.raises(pack.PackError, match=says):
        pack.unpack(archive, name="s3://bucket/sourcedir.tar.gz")
