"""The state of one client on the disk: a directory with the files ``state`` and ``lock``.

The lock is held as long as the storage is open, so that no state ever has two holders. A process that was forked has a copy of the
open lock file; it must call ``abandon``, which leaves the lock with the parent.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional, Protocol

from . import atomic_file, verdicts
from .errors import refuse

MAX_STATE = 2 << 20  #: bytes; far more than any client writes

if os.name == "nt":
    import msvcrt

    def _take(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]

    def _give_back(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]

else:
    import fcntl

    def _take(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _give_back(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_UN)


class Storage(Protocol):
    """What a client needs of its storage; give it another one as the setting ``storage``."""

    def open(self) -> None:
        """Take it for oneself. Raises LicenseError: in_use, storage_failed."""

    def load(self) -> str:
        """The last saved state; empty if there is none. Raises LicenseError: storage_failed."""

    def save(self, state: str) -> None:
        """Replace the state durably. Raises OSError; the old state is then still there."""

    def close(self) -> None:
        """Give it back."""

    def abandon(self) -> None:
        """Forget it in a forked process, without giving back what the parent holds."""


class Directory:
    """Storage in a directory, which is made, 0700, when it is missing."""

    def __init__(self, path: "os.PathLike[str] | str") -> None:
        self.path = Path(path)
        self._lock: Optional[int] = None

    def open(self) -> None:
        try:
            atomic_file.make_private(self.path)
            fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except OSError as e:
            raise refuse(verdicts.STORAGE_FAILED, str(e)) from e
        try:
            _take(fd)
        except (BlockingIOError, PermissionError) as e:
            os.close(fd)
            raise refuse(verdicts.IN_USE, str(self.path)) from e
        except OSError as e:
            os.close(fd)
            raise refuse(verdicts.STORAGE_FAILED, f"cannot lock {self.path}: {e}") from e
        self._lock = fd

    def load(self) -> str:
        try:
            with open(self.path / "state", "rb") as f:
                state = f.read(MAX_STATE + 1)
        except FileNotFoundError:
            return ""
        except OSError as e:
            raise refuse(verdicts.STORAGE_FAILED, str(e)) from e
        if len(state) > MAX_STATE:
            raise refuse(verdicts.STORAGE_FAILED, f"{self.path / 'state'} is larger than any state is")
        return state.decode("utf-8", "replace")  # the module finds damage by itself

    def save(self, state: str) -> None:
        atomic_file.replace(self.path / "state", [state.encode()])

    def close(self) -> None:
        if self._lock is not None:
            _give_back(self._lock)  # closing would not do while a child has a copy
        self.abandon()

    def abandon(self) -> None:
        fd, self._lock = self._lock, None
        if fd is not None:
            os.close(fd)
