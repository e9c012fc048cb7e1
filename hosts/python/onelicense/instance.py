"""One running module: its memory, its exports, and what happens when it dies."""

from __future__ import annotations

import ctypes
import json
import struct
from typing import Any, Callable, Dict, Mapping

import wasmtime

from . import verdicts
from .errors import refuse

ABI = 1  #: the version of the language of calls that this host speaks
MEMORY = 64 << 20  #: bytes that the module may use

_STDERR = 16 << 10  # bytes kept of what a dying module says


class Broken(Exception):
    """The instance trapped or answered nonsense."""


class Running:
    """An instance in wasmtime. The module gets wasmtime's clock and randomness, which are the system's, and nothing else: no files, no
    environment, no arguments.
    """

    def __init__(self, engine: wasmtime.Engine, compiled: wasmtime.Module) -> None:
        self._said = bytearray()
        linker = wasmtime.Linker(engine)
        linker.define_wasi()
        linker.allow_shadowing = True
        linker.define_func("wasi_snapshot_preview1", "fd_write", _signature(), _writer(self._said), access_caller=True)
        store = wasmtime.Store(engine)
        store.set_wasi(wasmtime.WasiConfig())
        store.set_limits(memory_size=MEMORY)
        exports = linker.instantiate(store, compiled).exports(store)
        _function(exports, "_initialize")(store)
        if _function(exports, "abi_version")(store) != ABI:
            raise refuse(verdicts.MODULE_MISMATCH, "it speaks another version of the language of calls")
        memory = exports["memory"]
        assert isinstance(memory, wasmtime.Memory)
        self._store, self._memory = store, memory
        self._alloc, self._free = _function(exports, "alloc"), _function(exports, "free")
        self._call, self._consume = _function(exports, "call"), _function(exports, "consume")

    def call(self, call: Dict[str, Any]) -> Dict[str, Any]:
        answer = self.exchange(json.dumps(call, separators=(",", ":")).encode())
        try:
            reply = json.loads(answer)
        except ValueError as e:
            raise Broken("the module's answer is not JSON") from e
        if not isinstance(reply, dict):
            raise Broken("the module's answer is not an object")
        return reply

    def exchange(self, text: bytes) -> bytes:
        """A call and its answer as they are: JSON."""
        store = self._store
        try:
            given = self._alloc(store, len(text))
            if given == 0:
                raise refuse(verdicts.BAD_CALL, f"{len(text)} bytes are more than a call may have")
            self._memory.write(store, text, given)
            answer = self._call(store, given, len(text))
            self._free(store, given)
            size = int.from_bytes(self._memory.read(store, answer, answer + 4), "little")
            reply = bytes(self._memory.read(store, answer + 4, answer + 4 + size))
            self._free(store, answer)
        except TRAPS as e:
            raise self._broken(e) from e
        return reply

    def consume(self, handle: int, n: int, now: float) -> int:
        try:
            return int(self._consume(self._store, handle, n, float(now)))
        except TRAPS as e:
            raise self._broken(e) from e

    def close(self) -> None:
        self._store.close()

    def _broken(self, e: Exception) -> Broken:
        said = self._said.decode("utf-8", "replace").partition("\n")[0]
        code = e.trap_code if isinstance(e, wasmtime.Trap) else None
        return Broken(said or (code.name.lower() if code else str(e).partition("\n")[0]))


def _function(exports: Mapping[str, Any], name: str) -> wasmtime.Func:
    f = exports[name]
    assert isinstance(f, wasmtime.Func)
    return f


def _signature() -> wasmtime.FuncType:
    i32 = wasmtime.ValType.i32
    return wasmtime.FuncType([i32(), i32(), i32(), i32()], [i32()])  # not shared: it takes on the engine that it is used with


def _writer(said: bytearray) -> Callable[..., int]:
    """The module's fd_write: it keeps the beginning of what is said, which is why a dying module dies. wasmtime's own would call Python
    from a thread of its own, which ends in an abort when the interpreter exits meanwhile."""

    def write(caller: wasmtime.Caller, fd: int, vectors: int, count: int, written: int) -> int:
        memory = caller["memory"]
        assert isinstance(memory, wasmtime.Memory)
        total = 0
        for at in range(vectors, vectors + 8 * count, 8):
            start, size = struct.unpack("<II", memory.read(caller, at, at + 8))
            said.extend(memory.read(caller, start, start + min(size, max(0, _STDERR - len(said)))))
            total += size
        memory.write(caller, struct.pack("<I", total), written)
        return 0

    return write


TRAPS = (wasmtime.WasmtimeError, wasmtime.Trap, wasmtime.ExitTrap, ValueError, IndexError, struct.error, ctypes.ArgumentError)
