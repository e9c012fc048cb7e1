"""Files that are replaced whole or not at all, and that nobody else may read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Iterable


def make_private(directory: Path) -> None:
    """Make the directory, 0700, and its parents where they are missing."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def replace(path: Path, parts: Iterable[bytes]) -> None:
    """Replace the file at path, 0600, and return when that will survive a power cut.

    Raises OSError; the old file is then still there.
    """
    fd, temporary = tempfile.mkstemp(prefix=path.name + ".", suffix=".new", dir=path.parent)  # 0600, exclusive
    try:
        with os.fdopen(fd, "wb") as f:
            for part in parts:
                f.write(part)
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, path)
    except BaseException:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    if os.name != "posix":
        return  # Windows has no such call, and journals the rename
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
