"""What a built-in algorithm prints: lines in AWS's own form, which the regexes of its metrics match."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Console:
    """Prints to standard output; `host` is the container's name in the cluster (`algo-1`)."""

    host: str = "algo-1"

    def say(self, message: str) -> None:
        """Print one line with time and thread, as `[11/22/2026 19:30:04 INFO 140140] …`."""
        self._line("INFO", message)

    def complain(self, message: str) -> None:
        """Print one line of an error."""
        self._line("ERROR", message)

    def loss(self, channel: str, name: str, value: float, *, epoch: int | None = None) -> None:
        """Print a metric where less is better."""
        self._quality(channel, name, value, "loss", epoch)

    def score(self, channel: str, name: str, value: float, *, epoch: int | None = None) -> None:
        """Print a metric where more is better."""
        self._quality(channel, name, value, "score", epoch)

    def progress(self, percent: float) -> None:
        """Print how much of all epochs is done."""
        self.say(f"#progress_metric: host={self.host}, completed {percent:g} % of epochs")

    def throughput(self, records: int, seconds: float) -> None:
        """Print how many records a second were trained on."""
        rate = records / max(seconds, 1e-9)
        self.say(f"#throughput_metric: host={self.host}, train throughput={rate} records/second")

    def _quality(self, channel: str, name: str, value: float, sense: str, epoch: int | None) -> None:
        middle = "" if epoch is None else f"epoch={epoch}, "
        self.say(f"#quality_metric: host={self.host}, {middle}{channel} {name} <{sense}>={float(value)}")

    def _line(self, level: str, message: str) -> None:
        stamp = time.strftime("%m/%d/%Y %H:%M:%S", time.gmtime())
        print(f"[{stamp} {level} {threading.get_ident()}] {message}", flush=True)  # noqa: T201
