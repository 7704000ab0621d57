"""The service's HTTP client: bodies larger than what a socket takes at once."""

import asyncio
import hashlib

import pytest

from sagelocal.serving import client

LARGE = bytes(range(256)) * 40_000


def ask(tmp_path, answer):
    """Ask a server that answers with `answer(reader, writer)` the hash of a large body."""

    async def both():
        server = await asyncio.start_unix_server(answer, tmp_path / "s")
        one = client.Client(tmp_path / "s")
        async with server:
            try:
                return await one.post("/", {}, LARGE, 60)
            finally:
                one.close()

    return asyncio.run(both())


def test_a_large_body_arrives_whole(tmp_path):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        told = hashlib.sha256(await reader.readexactly(len(LARGE))).hexdigest()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n" + told.encode())
        writer.close()

    assert ask(tmp_path, answer).body.decode() == hashlib.sha256(LARGE).hexdigest()


def test_a_server_that_goes_away_in_the_middle_of_a_body_is_unreachable(tmp_path):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    with pytest.raises(client.UnreachableError):
        ask(tmp_path, answer)


@pytest.mark.parametrize("way", ["post", "stream"])
def test_nothing_is_under_way_to_a_server_that_is_not_there(tmp_path, way):
    one = client.Client(tmp_path / "s")

    async def ask():
        if way == "post":
            await one.post("/", {}, b"", 60)
        async with one.stream("/", {}, b""):
            pass

    with pytest.raises(client.UnreachableError, match="no model server listens"):
        asyncio.run(ask())
    assert one.in_flight == 0


def test_of_a_streamed_answer_no_more_is_read_than_somebody_takes(tmp_path):
    part, count, sent = b"x" * 65536, 500, []

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(count):
            writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            await writer.drain()
            sent.append(number)
        writer.write(b"0\r\n\r\n")
        writer.close()

    async def take():
        server = await asyncio.start_unix_server(answer, tmp_path / "s")
        async with server, client.Client(tmp_path / "s").stream("/", {}, b"") as head:
            taken = [len(await anext(head.parts))]
            at = -1
            while at < len(sent):  # as long as anything moves
                at = len(sent)
                for _ in range(100):
                    await asyncio.sleep(0)
            taken += [len(each) async for each in head.parts]
        return at, sum(taken)

    at, whole = asyncio.run(take())
    assert at < count // 2
    assert whole == count * len(part)
