"""The module name that the first programs import; everything is in ``onelicense``."""

from onelicense import LicenseError, OneLicenceClient, OneLicenseClient

__all__ = ["LicenseError", "OneLicenceClient", "OneLicenseClient"]
