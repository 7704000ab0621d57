"""The documentation's table of operations is the one that the code makes."""

from pathlib import Path

from sagelocal import __main__ as program

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "api.md"


def test_the_page_is_current(capsys):
    assert program.main(["api-table"]) == 0
    # `python -m sagelocal api-table > docs/reference/api.md` writes it anew.
    assert capsys.readouterr().out == PAGE.read_text()
