"""License a program with One License.

``OneLicenseClient`` is for a program with one license: it activates, counts what is consumed and keeps itself in sync. ``Licensing`` is for
one whose licenses come as signed files that grant entitlements. ``verify`` checks a single file. Whatever is refused is a ``LicenseError``;
its ``code`` is one of ``onelicense.verdicts``.
"""

from .client import OneLicenceClient, OneLicenseClient
from .errors import LicenseError, Verdict
from .files import File, License, root, verify
from .licensing import Licensing, initialize
from .settings import Settings, stop_program

__all__ = [
    "File",
    "License",
    "LicenseError",
    "Licensing",
    "OneLicenceClient",
    "OneLicenseClient",
    "Settings",
    "Verdict",
    "initialize",
    "root",
    "stop_program",
    "verify",
]
