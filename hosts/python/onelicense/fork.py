"""What a forked process must do: let go of everything that the parent still holds."""

from __future__ import annotations

import os
import weakref
from typing import Any

_held: "weakref.WeakSet[Any]" = weakref.WeakSet()


def watch(holder: Any) -> None:
    """Call ``holder.forked()`` in every process that is forked from now on, as long as the holder lives. No lock can be waited for there:
    the thread that holds it does not exist in that process."""
    _held.add(holder)


def _after() -> None:
    for holder in list(_held):
        holder.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after)
