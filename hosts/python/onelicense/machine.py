"""What is known of the machine: for the statistics, and, if the program wants it there, for the fingerprint."""

from __future__ import annotations

import platform as system
import socket
import sys
from typing import Dict

MACHINE_ID = ("/etc/machine-id", "/var/lib/dbus/machine-id")


def platform() -> str:
    """What the statistics call the platform, like linux/x86_64."""
    return f"{sys.platform}/{system.machine()}".lower()


def machine_parts() -> Dict[str, str]:
    """Parts for the setting ``fingerprint`` that every machine has: ``host_name``, ``platform``, and ``machine_id`` where it can be read.
    The values stay in this process: the server gets hashes under the license's id. Nothing of this is used unless the program says so."""
    parts = {"host_name": socket.gethostname(), "platform": platform()}
    for path in MACHINE_ID:
        try:
            with open(path, encoding="ascii", errors="replace") as f:
                found = f.read(256).strip()
        except OSError:
            continue
        if found:
            parts["machine_id"] = found
            break
    return parts
