"""License files: the files of a directory, and verifying a single one; receipts, which are verified likewise."""

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

NAMES = (".txt", ".list")  #: how the names of files end that are loaded, in capitals or not
MAX_FILE = 64 << 10  #: bytes of one license file
MAX_LIST = (1 << 20) + 4096  #: bytes of a list of revoked licenses
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
        return {"name": self.name, "data": _base64(self.data)}


class Loader(Protocol):
    """What finds license files; ``Licensing.initialize`` takes another one in place of a directory."""

    def load(self) -> List[File]:
        """The files, in the order in which they shall be tried. Raises OSError."""


class Directory:
    """Finds all files ``*.txt`` and ``*.list`` of a directory, in the order of their names. Which of them are licenses and which are lists
    of revoked ones does not depend on the name. A directory that does not exist holds none."""

    def __init__(self, path: "Union[str, os.PathLike[str]]") -> None:
        self.path = Path(path)

    def load(self) -> List[File]:
        try:
            names = sorted(os.listdir(self.path))
        except FileNotFoundError:
            return []
        files, total = [], 0
        for name in names:
            if not name.lower().endswith(NAMES):
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
    """The bytes of a license file, or of a list. Of one that is too large, enough for the module to see that. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))  # a pipe must not be waited for
    with os.fdopen(fd, "rb") as f:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError("it is not a file")
        data = f.read(MAX_LIST + 1)
    return data if data.startswith(b"{") else data[: MAX_FILE + 1]  # a list is JSON, a license file is not


@dataclass(frozen=True)
class License:
    """What a genuine license file says."""

    id: str
    contexts: Tuple[str, ...]
    entitlements: Dict[str, Optional[int]]  #: name → slots; None: no number stated
    root: str  #: fingerprint of the product's root key
    key: str  #: fingerprint of the key that signed
    signed: datetime  #: when, in UTC


def verify(
    file: "Union[bytes, str, os.PathLike[str]]",
    keyring: str,
    *,
    list: "Union[bytes, str, os.PathLike[str], None]" = None,
    engine: Optional[engine.Engine] = None,
    clock: Optional[Clock] = None,
) -> License:
    """Verify a license file, given by its path or its bytes, with a product's certificate (armored) and, if one is at hand, the product's
    list of revoked licenses, by path or bytes as well. Nothing is sent anywhere. Raises LicenseError with the reason."""
    call: Dict[str, Any] = {"op": "verify", "file": _base64(_bytes(file)), "keys": keyring, "now": (clock or System()).now()}
    if list is not None:
        call["list"] = _bytes(list).decode("utf-8", "replace")  # what is not UTF-8 is not signed so
        if not call["list"]:
            raise refuse(verdicts.STATEMENT_MALFORMED, "the list is empty")  # to the module it would be none
    found = _ask(engine, call)["license"]
    return License(
        id=found["id"],
        contexts=tuple(found["contexts"]),
        entitlements={e["name"]: e.get("slots") or None for e in found["entitlements"]},
        root=found["root"],
        key=found["key"],
        signed=_time(found["signed"]),
    )


@dataclass(frozen=True)
class Receipt:
    """What a lease proves: that the server has taken these counts of this activation, in answer to this request."""

    product: str
    license: str
    activation: str  #: hash of the installation's own key
    generation: int  #: of the chain of leases
    number: int  #: of the lease in its chain
    request: str  #: hash of the request that the device had signed
    time: datetime  #: the server's, in UTC
    counters: Dict[str, int]  #: used, allowance, counted and, with prepaid calls, granted, as spec/lease.md has them
    root: str  #: fingerprint of the product's root key
    key: str  #: fingerprint of the key that signed


def verify_receipt(text: Union[bytes, str], keyring: str, *, engine: Optional[engine.Engine] = None) -> Receipt:
    """Verify the text of a lease, the ``receipt`` of a status, with a product's certificate (armored): also long after it has run out.
    Nothing is sent anywhere. Raises LicenseError with the reason."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    found = _ask(engine, {"op": "receipt", "file": _base64(data), "keys": keyring})["receipt"]
    return Receipt(
        product=found["product"],
        license=found["license"],
        activation=found["activation"],
        generation=found["generation"],
        number=found["number"],
        request=found["request"],
        time=_time(found["time"]),
        counters=dict(found["counters"]),
        root=found["root"],
        key=found["key"],
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


def _bytes(file: "Union[bytes, str, os.PathLike[str]]") -> bytes:
    try:
        return file if isinstance(file, bytes) else read(file)
    except OSError as e:
        raise refuse(verdicts.FILE_UNREADABLE, e.strerror or str(e), file=os.fspath(file)) from e


def _base64(b: bytes) -> str:
    return base64.b64encode(b).decode("ascii")


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, timezone.utc)
