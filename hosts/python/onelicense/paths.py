"""Where things are kept by default: private directories of the user, never shared ones."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def data_directory(name: str) -> Path:
    """The directory for the state of one client."""
    return _base("XDG_DATA_HOME", ".local/share", "Application Support") / "onelicense" / name


def cache_directory() -> Path:
    """The directory for compiled modules."""
    return _base("XDG_CACHE_HOME", ".cache", "Caches") / "onelicense"


def _base(variable: str, default: str, mac: str) -> Path:
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if sys.platform == "darwin":
        return home / "Library" / mac
    given = os.environ.get(variable, "")
    return Path(given) if os.path.isabs(given) else home / default
