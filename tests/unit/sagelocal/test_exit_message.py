"""ExitMessage: what a processing job's containers left in their message files."""

import pytest

from sagelocal.container.isolation import Isolation
from sagelocal.container.layout import Layout
from sagelocal.jobs import processing

ISOLATED = Isolation(bwrap="bwrap")


def trees(tmp_path, *contents):
    found = []
    for number, content in enumerate(contents):
        tree = Layout(tmp_path / str(number))
        tree.output.mkdir(parents=True)
        if content is not None:
            (tree.output / "message").write_bytes(content)
        found.append(tree)
    return found


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ([None], ""),
        ([b"done"], "done"),
        ([b"one,", None, b"three"], "one,three"),
        # Cut through the middle of a character: that one is left out.
        ([b"x" * 1023 + "ñ".encode()], "x" * 1023),
        ([b"x" * 1000, b"y" * 1000], "x" * 1000 + "y" * 24),
    ],
)
def test_the_messages_of_all_containers_are_put_together(tmp_path, contents, message):
    assert processing._message(trees(tmp_path, *contents), ISOLATED) == message


def test_a_message_that_is_no_text_fails_the_job(tmp_path):
    with pytest.raises(processing.JobFailedError, match=r"^ClientError: .* is no UTF-8"):
        processing._message(trees(tmp_path, b"\xff\xfe"), ISOLATED)


@pytest.mark.parametrize("above", [False, True])
def test_a_link_leads_nowhere(tmp_path, above):
    (tree,) = trees(tmp_path, None)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "message").write_text("s")
    if above:
        tree.output.rmdir()
        tree.output.symlink_to(tmp_path / "secrets")
    else:
        (tree.output / "message").symlink_to(tmp_path / "secrets" / "message")
    assert processing._message([tree], ISOLATED) == ""
