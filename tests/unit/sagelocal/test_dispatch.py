"""Handlers are found by the operation that they are marked with."""

import pytest

from sagelocal.wire.dispatch import Dispatch, operation


class Things:
    @operation("MakeThing")
    def make(self, call):
        return {"made": call}

    @operation("AskThing", quick=True)
    async def ask(self, call):
        return {"asked": call}

    def unmarked(self):
        raise AssertionError


def refuse(call):
    return {"refused": call}


def test_marked_methods_are_the_table():
    table = Dispatch([Things()], fallback=refuse)

    assert table.handled == {"MakeThing", "AskThing"}
    assert table.find("MakeThing").run("c") == {"made": "c"}
    assert not table.find("MakeThing").quick
    assert table.find("AskThing").is_async
    assert table.find("Else").run("c") == {"refused": "c"}


def test_two_handlers_for_one_operation_are_an_error():
    with pytest.raises(ValueError, match="AskThing has two handlers"):
        Dispatch([Things(), Things()], fallback=refuse)
