"""What a program says about itself and how its client is to work."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass, field, fields
from typing import Any, Callable, Dict, List, Mapping, Optional, Union

from . import clock, engine, machine, paths, transport, verdicts
from . import storage as stores
from .errors import Verdict, refuse
from .version import __version__

log = logging.getLogger("onelicense")


def stop_program(verdict: Verdict) -> None:
    """Say why on stderr and end the process at once, with status 1. This is what happens by default when the license does not allow to go
    on; set ``on_failure`` to do something else."""
    try:
        print(f"onelicense: {verdict}", file=sys.stderr, flush=True)
        sys.stdout.flush()
    finally:
        os._exit(1)  # an exception in a background thread, or in a handler that catches it, would stop nothing


@dataclass
class Settings:
    """The settings of a client. The first four are what the instructions page prints; ids are 24 hex digits."""

    server_url: str = ""  #: like https://host/api/v1#ROOT; the fragment pins the product's root key
    product_id: str = ""
    version_id: str = ""
    license_id: str = ""  #: empty when licenses come as files

    keyring: str = ""  #: the product's certificate, armored; needed for license files
    allow_unpinned: bool = False  #: go on without a pinned root; on loopback this is always allowed
    storage: Union[str, "os.PathLike[str]", stores.Storage, None] = None  #: a directory; by default a private one of the user's
    timeout: float = 10.0  #: seconds for one exchange with the server
    shutdown_timeout: float = 5.0  #: seconds that a shutdown waits for the server

    #: What tells this machine from others, name → value, at most 16; such as ``machine_parts()``, or a dongle's number. The values stay
    # here:
    #: the server gets hashes.
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    program: str = ""  #: the program's own version; told to the server if the policy asks for statistics

    #: For a machine that reaches no server: the program starts, and is not stopped later, when all that is wrong is that nothing was heard
    # from
    #: it (unreachable, server_error) and the last lease, if there was one, has run out (lease_expired), so that the activation or the
    # renewal
    #: can be made by hand: ``export_request``, then ``import_answer``. Until then calls are answered with their verdict. All else fails as
    #: without it.
    offline: bool = False

    #: Is told, in a thread of its own, what nobody asked for: every change of how a license stands.
    on_verdict: Optional[Callable[[Verdict], Any]] = None
    #: Is told, after ``on_verdict``, those that do not allow to continue, but for what ``offline`` excuses; and what ``check`` finds
    # missing, there in the calling thread.
    on_failure: Callable[[Verdict], Any] = stop_program

    transport: transport.Transport = field(default_factory=lambda: transport.HTTP())
    engine: engine.Engine = field(default_factory=lambda: engine.DEFAULT)
    clock: clock.Clock = field(default_factory=lambda: clock.System())

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> "Settings":
        """The settings of a dict. Raises LicenseError: bad_setting for a name that is none."""
        known = {f.name for f in fields(cls)}
        for name in given:
            if name not in known:
                raise refuse(verdicts.BAD_SETTING, f"there is no setting {name!r}")
        return cls(**given)

    def config(self) -> Dict[str, Any]:
        """The ``abi.Config`` of spec/abi.md."""
        return {
            "server_url": self.server_url or "",
            "product_id": self.product_id or "",
            "version_id": self.version_id or "",
            "license_id": self.license_id or "",
            "keyring": self.keyring or "",
            "allow_unpinned": bool(self.allow_unpinned),
            "offline": bool(self.offline),
            "timeout": self._milliseconds(),
            "fingerprint": self._parts(),
            "program": self.program or "",
            "platform": machine.platform(),
            "host": f"python/{__version__}",
        }

    def _milliseconds(self) -> int:
        try:
            return round(self.timeout * 1000)
        except (TypeError, ValueError, OverflowError) as e:
            raise refuse(verdicts.BAD_SETTING, f"timeout {self.timeout!r}") from e

    def _parts(self) -> List[Dict[str, str]]:
        parts = self.fingerprint or {}
        if not isinstance(parts, Mapping) or not all(isinstance(text, str) for part in parts.items() for text in part):
            raise refuse(verdicts.BAD_SETTING, "fingerprint: not names with texts")
        return [{"name": name, "value": value} for name, value in parts.items()]

    def open_storage(self) -> stores.Storage:
        """The storage, not opened yet. The ids must have been checked: they are part of the default path."""
        where = self.storage
        if where is None:
            where = paths.data_directory(f"{self.product_id}-{self.license_id or 'files'}")
        if isinstance(where, (str, os.PathLike)):
            return stores.Directory(where)
        return where

    def tell(self, verdict: Verdict, starting: bool) -> None:
        """Pass a verdict on that nobody asked for. While a start is on its way, its answer decides, and not what is found by the way."""
        fails = not verdict.allow_continue and not starting and not verdict.offline_tolerated
        if not fails:
            log.log(logging.INFO if verdict.ok else logging.WARNING, "%s", verdict)
        for wanted, handler in ((self.on_verdict is not None, self.on_verdict), (fails, self.on_failure)):
            try:
                if wanted:
                    handler(verdict)  # type: ignore[misc]
            except Exception:
                log.exception("a handler of verdicts failed")
