"""A real browser, Debian's Chromium, driven over its DevTools protocol: open, look, click, take a picture.

Source: https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 60
"""A bound for slow machines, no measure."""


def program() -> str | None:
    """Return the browser of this machine."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


NEEDED = pytest.mark.skipif(program() is None, reason="no Chromium here: `make debian` brings it")


@dataclass
class Page:
    """One tab."""

    socket: ClientConnection
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Carry out one command of the protocol; events that come in between are passed over."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        deadline = time.monotonic() + SECONDS
        while True:
            answer = json.loads(self.socket.recv(timeout=max(0.0, deadline - time.monotonic())))
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer)
                return dict(answer["result"])

    def evaluate(self, script: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, script: str) -> Any:
        """Wait until an expression is true, and return its value."""
        deadline = time.monotonic() + SECONDS
        while not (value := self.evaluate(script)):
            assert time.monotonic() < deadline, f"not within {SECONDS} s: {script}\n{self.text()}"
            time.sleep(0.1)
        return value

    def text(self) -> str:
        """Return what a person reads on the page."""
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def read(self, *words: str) -> None:
        """Wait until all these words can be read."""
        for each in words:
            self.wait(f"document.body?.innerText.includes({json.dumps(each)})")

    def click(self, label: str) -> None:
        """Click the button, link, tab or option that is called so."""
        self.wait(f"({_FIND})({json.dumps(label)}) !== undefined")
        self.evaluate(f"({_FIND})({json.dumps(label)}).click()")

    def unfold(self, label: str) -> None:
        """Open a section of a form, which heeds a click only when it has the focus."""
        section = f"({_FIND})({json.dumps(label)})"
        self.wait(f"{section} !== undefined")
        self.evaluate(f"(each => {{ each.focus(); each.click() }})({section})")
        self.wait(f"{section}.getAttribute('aria-expanded') === 'true'")

    def open(self, address: str) -> None:
        """Go to an address."""
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def size(self, width: int = 1280, height: int = 800) -> None:
        """Make the window so large, in pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    def picture(self, file: Path, of: str = "body") -> None:
        """Keep what is seen of an element, by its CSS selector, as a PNG, when nothing moves any more."""
        last, now = "", "-"
        deadline = time.monotonic() + 5
        while last != now and time.monotonic() < deadline:
            time.sleep(0.3)
            box = self.evaluate(f"({_BOX})({json.dumps(of)})")
            clip = {**box, "scale": 1}
            last, now = now, self.call("Page.captureScreenshot", format="png", clip=clip)["data"]
        file.write_bytes(base64.b64decode(now))


_BOX = """selector => {
  const seen = each => each.getClientRects().length > 0
  const box = [...document.querySelectorAll(selector)].find(seen).getBoundingClientRect()
  const [right, bottom] = [Math.min(box.right, innerWidth), Math.min(box.bottom, innerHeight)]
  const [x, y] = [Math.max(box.x, 0), Math.max(box.y, 0)]
  return {x, y, width: right - x, height: bottom - y}
}"""

_FIND = """label => {
  const seen = each => each.getClientRects().length > 0
  const shown = [...document.querySelectorAll('[role=dialog]')].find(seen) ?? document
  const all = [...shown.querySelectorAll('button,a,[role=tab],[role=menuitem],[role=radio],label')]
    .filter(seen)
  const named = each => [each.innerText.trim(), each.getAttribute('aria-label'), each.title]
  return all.find(each => named(each).includes(label))
    ?? all.find(each => named(each).some(name => name?.startsWith(label)))
}"""


@dataclass
class Browser:
    """A headless Chromium with a profile of its own; a context manager that ends it."""

    profile: Path
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        found = program()
        assert found is not None
        self.process = subprocess.Popen(
            [
                found,
                "--headless=new",
                "--no-sandbox",  # tests may run as root
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--no-first-run",
                "--window-size=1280,800",
                "--remote-debugging-port=0",
                f"--user-data-dir={self.profile}",
                "about:blank",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)

    @contextlib.contextmanager
    def page(self) -> Any:
        """Open a tab."""
        where = self.profile / "DevToolsActivePort"
        deadline = time.monotonic() + SECONDS
        while not (where.exists() and where.read_text().count("\n") >= 1):
            assert time.monotonic() < deadline, "Chromium does not start"
            time.sleep(0.1)
        port = where.read_text().split()[0]
        made = httpx.put(f"http://127.0.0.1:{port}/json/new?about:blank", trust_env=False).json()
        with connect(made["webSocketDebuggerUrl"], max_size=None, proxy=None) as socket:
            page = Page(socket)
            page.call("Page.enable")
            page.call("Emulation.setFocusEmulationEnabled", enabled=True)
            page.size()
            yield page


def log_in(page: Page, address: str, token: str) -> None:
    """Be who the token says, as after Airflow's login page."""
    page.call("Network.setCookie", name="_token", value=token, url=address)


def pictures(otherwise: Path) -> Path:
    """Return where pictures go: the folder that SAGEWIND_PICTURES names, else another."""
    folder = Path(os.environ.get("SAGEWIND_PICTURES", otherwise))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
