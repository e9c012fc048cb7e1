"""The client module: what calls are made of. It knows no event and no effect.

An instance may be used by one thread at a time. After Broken it must be thrown away; the state that was last saved is good for a new one.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any, Dict, Optional, Protocol, Tuple

import wasmtime

from . import fork, module_cache, module_hash, paths, verdicts
from .errors import refuse
from .instance import TRAPS, Broken, Running

__all__ = ["DEFAULT", "Broken", "Engine", "Instance", "Wasmtime"]

MODULE = Path(__file__).with_name("client.wasm")


class Instance(Protocol):
    """One running module, for one client."""

    def call(self, call: Dict[str, Any]) -> Dict[str, Any]:
        """Perform an ``abi.Call`` and give its ``abi.Reply`` (spec/abi.md). Raises Broken."""

    def consume(self, handle: int, n: int, now: float) -> int:
        """The one call without JSON; n below 2^31, now in ms. Raises Broken."""

    def close(self) -> None:
        """Free its memory."""


class Engine(Protocol):
    """What makes instances; give a client another one as the setting ``engine``."""

    def open(self) -> Instance:
        """A new instance. Raises LicenseError: module_mismatch, internal."""


class Wasmtime:
    """The engine that is used by default. Compiling takes seconds, so it is done once in a process, and kept in a private directory of the
    user for the next one."""

    def __init__(self, path: Path = MODULE, sha256: str = module_hash.SHA256, cache: Optional[Path] = None) -> None:
        self._path = path
        self._sha256 = sha256
        self._cache = cache
        self._lock = threading.Lock()
        self._threads = True
        self._compiled: Optional[_Compiled] = None
        fork.watch(self)

    def open(self) -> Instance:
        with self._lock:
            if self._compiled is None:
                self._compiled = self._compile()
        try:
            return Running(*self._compiled)
        except (*TRAPS, AssertionError, KeyError) as e:
            raise refuse(verdicts.INTERNAL, f"the client module does not start: {e}") from e

    def forked(self) -> None:
        """The lock may be held by a thread that is no more, and the threads that compile are gone."""
        self._lock = threading.Lock()
        self._threads = False

    def _compile(self) -> _Compiled:
        try:
            code = self._path.read_bytes()
        except OSError as e:
            raise refuse(verdicts.INTERNAL, f"the client module is missing ({e}); in a source tree, run 'make wasm'") from e
        found = hashlib.sha256(code).hexdigest()
        if found != self._sha256:
            raise refuse(
                verdicts.MODULE_MISMATCH,
                f"its SHA-256 is {found}, this package is for {self._sha256 or 'none'}; in a source tree, run 'make wasm'",
            )
        config = wasmtime.Config()
        config.parallel_compilation = self._threads
        engine = wasmtime.Engine(config)
        kept = (self._cache or paths.cache_directory()) / module_cache.file_name(found)
        made = module_cache.load(engine, kept)
        if made is None:
            made = wasmtime.Module(engine, code)
            module_cache.store(made, kept)
        return engine, made


_Compiled = Tuple[wasmtime.Engine, wasmtime.Module]

#: One for the whole process, so that the module is compiled once.
DEFAULT = Wasmtime()
