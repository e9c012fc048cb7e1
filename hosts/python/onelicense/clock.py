"""Time and randomness, which the module does not have of its own."""

from __future__ import annotations

import os
import time
from typing import Protocol


class Clock(Protocol):
    """What a client needs to know of the system; give it another one as the setting ``clock``."""

    def now(self) -> int:
        """The wall clock in ms since 1970."""

    def mono(self) -> int:
        """The monotonic clock in ms, from any origin, never below 0."""

    def random(self, n: int) -> bytes:
        """n fresh random bytes."""


class System:
    """The system's own."""

    def __init__(self) -> None:
        self._origin = time.monotonic_ns()

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def mono(self) -> int:
        return (time.monotonic_ns() - self._origin) // 1_000_000

    def random(self, n: int) -> bytes:
        return os.urandom(n)
