"""License files: the TXT files of a directory, and verifying a single one."""

from __future__ import annotations

import base64
import os
import stat
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, List, Optional, Protocol, Tuple, Union

from . import engine, verdicts
from .clock import Clock, System
from .errors import LicenseError, Verdict, refuse

MAX_FILE = 64 << 10  #: bytes of one license file
MAX_FILES = 2 << 20  #: bytes of all of them, since they go into the module in one call


@dataclass(frozen=True)
class File:
    """A license file: its bytes, or why they could not be read."""

    name: str
    data: bytes = b""
    error: str = ""

    def event(self) -> Dict[str, Any]:
        """The ``abi.File`` of spec/abi.md."""
        if self.error:
            return {"name": self.name, "error": self.error}
        return {"name": self.name, "data": base64.b64encode(self.data).decode("ascii")}


class Loader(Protocol):
    """What finds license files; ``Licensing.initialize`` takes another one in place of a directory."""

    def load(self) -> List[File]:
        """The files, in the order in which they shall be tried. Raises OSError."""


class Directory:
    """Finds all files ``*.txt`` of a directory, in the order of their names. One that does not exist holds none."""

    def __init__(self, path: "Union[str, os.PathLike[str]]") -> None:
        self.path = Path(path)

    def load(self) -> List[File]:
        try:
            names = sorted(os.listdir(self.path))
        except FileNotFoundError:
            return []
        files, total = [], 0
        for name in names:
            if not name.lower().endswith(".txt"):
                continue
            try:
                data = read(self.path / name)
                total += len(data)
                if total > MAX_FILES:
                    raise OSError(f"the license files together are larger than {MAX_FILES} bytes")
                files.append(File(name, data))
            except OSError as e:
                files.append(File(name, error=e.strerror or str(e)))
        return files


def read(path: "Union[str, os.PathLike[str]]") -> bytes:
    """The bytes of a license file. Of one that is too large, enough for the module to see that. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))  # a pipe must not be waited for
    with os.fdopen(fd, "rb") as f:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError("it is not a file")
        return f.read(MAX_FILE + 1)


@dataclass(frozen=True)
class License:
    """What a genuine license file says."""

    id: str
    contexts: Tuple[str, ...]
    entitlements: Dict[str, Optional[int]]  #: name → slots; None: no number stated
    root: str  #: fingerprint of the product's root key
    key: str  #: fingerprint of the key that signed
    signed: datetime  #: when, in UTC


def verify(file: "Union[bytes, str, os.PathLike[str]]", keyring: str, *, engine: Optional[engine.Engine] = None, clock: Optional[Clock] = None) -> License:
    """Verify a license file, given by its path or its bytes, with a product's certificate (armored). Nothing is sent anywhere. Raises
    LicenseError with the reason."""
    try:
        data = file if isinstance(file, bytes) else read(file)
    except OSError as e:
        raise refuse(verdicts.FILE_UNREADABLE, e.strerror or str(e), file=os.fspath(file)) from e
    reply = _ask(engine, {"op": "verify", "file": base64.b64encode(data).decode("ascii"), "keys": keyring, "now": (clock or System()).now()})
    found = reply["license"]
    return License(
        id=found["id"],
        contexts=tuple(found["contexts"]),
        entitlements={e["name"]: e.get("slots") or None for e in found["entitlements"]},
        root=found["root"],
        key=found["key"],
        signed=datetime.fromtimestamp(found["signed"] / 1000, timezone.utc),
    )


def root(keyring: str, *, engine: Optional[engine.Engine] = None) -> str:
    """The fingerprint to pin of a product's certificate (armored). Raises LicenseError."""
    return str(_ask(engine, {"op": "root", "keys": keyring})["root"])


def _ask(given: Optional[engine.Engine], call: Dict[str, Any]) -> Dict[str, Any]:
    instance = (given or engine.DEFAULT).open()
    try:
        reply = instance.call(call)
    except engine.Broken as e:
        raise refuse(verdicts.INTERNAL, str(e)) from e
    finally:
        instance.close()
    if reply.get("error"):
        raise LicenseError(Verdict.read(reply["error"]))
    return reply
