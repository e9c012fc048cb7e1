"""Compiled modules on the disk. They are machine code, so they are trusted only where nobody else can write."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import stat
import time
from pathlib import Path
from typing import Optional

import wasmtime

from . import atomic_file


def file_name(sha256: str) -> str:
    """The name of the file: what is in it is good for just this module, wasmtime and machine."""
    try:
        version = importlib.metadata.version("wasmtime")
    except importlib.metadata.PackageNotFoundError:  # packed into one file; wasmtime itself refuses the code of another version
        version = "packed"
    return f"client-{sha256}-wasmtime-{version}-{platform.system()}-{platform.machine()}.bin".lower()


def load(engine: wasmtime.Engine, path: Path) -> Optional[wasmtime.Module]:
    """What is in the file; None when there is none, it is damaged, or the file or its directory is not private."""
    try:
        if not _is_private(os.lstat(path.parent)):
            return None
        with os.fdopen(os.open(path, os.O_RDONLY | _NOFOLLOW | _BINARY), "rb") as f:
            if not _is_private(os.fstat(f.fileno())):
                return None
            digest, code = f.read(32), f.read()
        if hashlib.sha256(code).digest() != digest:
            return None
        return wasmtime.Module.deserialize(engine, code)
    except (OSError, wasmtime.WasmtimeError):
        return None


def store(compiled: wasmtime.Module, path: Path) -> None:
    """Write the file, if its directory is private."""
    try:
        atomic_file.make_private(path.parent)
        if _is_private(os.lstat(path.parent)):
            code = bytes(compiled.serialize())
            atomic_file.replace(path, [hashlib.sha256(code).digest(), code])
            prune(path)
    except (OSError, wasmtime.WasmtimeError):
        pass  # the next process compiles again


def prune(kept: Path) -> None:
    """Remove what other versions left. Another program of the user's may still be at one of them, and would only compile again."""
    for old in kept.parent.glob("client-*"):
        if old != kept and time.time() - old.stat().st_mtime > _MONTH:
            old.unlink()


_MONTH = 30 * 86_400  # seconds


def _is_private(s: os.stat_result) -> bool:
    if os.name != "posix":
        return True  # the user's own directory, by Windows' rules
    kind = stat.S_ISREG(s.st_mode) or stat.S_ISDIR(s.st_mode)
    return kind and s.st_uid == os.geteuid() and not s.st_mode & 0o077


_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)
