"""A bare echo: what Python's HTTP itself takes, the limit of every server here. `echo.py PORT [ANSWER]`.

With an ANSWER it says that instead of what it is told.
"""

import asyncio
import sys

import httptools
import uvloop

ANSWER = "".join(sys.argv[2:3]).encode()


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.body = b""

    def data_received(self, data):
        self.parser.feed_data(data)

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        answer = ANSWER or self.body
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(head % len(answer) + answer)
        self.body = b""


async def main():
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    await server.serve_forever()


uvloop.run(main())
