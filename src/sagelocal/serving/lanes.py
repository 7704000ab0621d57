"""A variant as the data plane drives it: connections to its instances, requests under way, its meter."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagelocal import errors
from sagelocal.serving.traffic import SERIAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from sagelocal.serving import client, traffic
    from sagelocal.serving.meters import Meter

MOST_WAITING = 2048
"""Requests that an instance has under way before further ones are turned away."""


class Peer:
    """One instance, and a client for each of its containers."""

    def __init__(
        self, instance: traffic.Instance, names: tuple[str, ...], clients: tuple[client.Client, ...]
    ) -> None:
        self.root = instance.root
        self.clients = clients
        self.named = tuple(zip(names, clients, strict=True))
        """The containers' names and the ways to them."""
        self.models: dict[Path, client.Client] = {}
        """The ways to the models of a multi-model endpoint that are loaded, by socket."""
        self._sockets = instance.sockets

    def paths(self) -> Iterable[tuple[Path, client.Client]]:
        """Return the clients by their sockets."""
        return zip(self._sockets, self.clients, strict=True)

    @property
    def load(self) -> int:
        """Requests under way."""
        return self.clients[0].in_flight if len(self.clients) == 1 else sum(c.in_flight for c in self.clients)


@dataclass(slots=True)
class Load:
    """What a variant's requests do now; it outlives the routes."""

    running: int = 0
    used: float = 0.0
    """When the last request came or went (monotonic seconds)."""


class Lane:
    """A variant, its peers, its load and its meter."""

    def __init__(self, variant: traffic.Variant, peers: tuple[Peer, ...], load: Load, meter: Meter) -> None:
        self.variant = variant
        self.is_plain = variant.mode == SERIAL
        """Whether a request names neither a container nor a model."""
        self.peers = peers
        self.load = load
        self.meter = meter

    def enter(self) -> None:
        """Take a request in.

        Raises:
            errors.ThrottlingException: a serverless variant has all the requests that it takes at a time.

        """
        most = self.variant.max_concurrency
        if most and self.load.running >= most:
            raise errors.ThrottlingException(
                f"Rate exceeded: variant {self.variant.name} takes {most} requests at a time (MaxConcurrency)"
            )
        self.load.running += 1
        self.load.used = time.monotonic()

    def leave(self) -> None:
        """Let a request go."""
        self.load.running -= 1
        self.load.used = time.monotonic()

    def order(self) -> Iterable[Peer]:
        """Return the instances that take a request, the least busy first.

        Raises:
            errors.ServiceUnavailable: every one has all the requests that it takes.

        """
        if len(self.peers) == 1 and self.peers[0].load < MOST_WAITING:
            return self.peers
        free = [peer for peer in self.peers if peer.load < MOST_WAITING]
        if self.peers and not free:
            raise errors.ServiceUnavailable(
                f"{MOST_WAITING} requests wait already at every instance of variant {self.variant.name}; "
                "try again later"
            )
        return sorted(free, key=lambda peer: peer.load)


def peers(
    variant: traffic.Variant, known: Mapping[Path, client.Client], make: Callable[[Path], client.Client]
) -> tuple[Peer, ...]:
    """Return a variant's instances; clients that are known are kept, with their connections."""
    return tuple(
        Peer(each, variant.containers, tuple(known.get(path) or make(path) for path in each.sockets))
        for each in variant.instances
    )
