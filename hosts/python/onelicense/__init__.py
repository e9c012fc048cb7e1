"""License a program with One License.

``OneLicenseClient`` is for a program with one license: it activates, counts what is consumed and keeps itself in sync. ``Licensing`` is for
one whose licenses come as signed files that grant entitlements. ``verify`` checks a single file, ``verify_receipt`` what a lease proves.
Whatever is refused is a ``LicenseError``; its ``code`` is one of ``onelicense.verdicts``.
"""

from .client import OneLicenceClient, OneLicenseClient
from .errors import LicenseError, Verdict
from .files import File, License, Receipt, root, verify, verify_receipt
from .licensing import Licensing, initialize
from .machine import machine_parts
from .settings import Settings, stop_program
from .version import __version__

__all__ = [
    "File",
    "License",
    "LicenseError",
    "Licensing",
    "OneLicenceClient",
    "OneLicenseClient",
    "Receipt",
    "Settings",
    "Verdict",
    "__version__",
    "initialize",
    "machine_parts",
    "root",
    "stop_program",
    "verify",
    "verify_receipt",
]
