"""The real server in a process of its own, and a vendor at its management API."""

import http.cookiejar
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

import pytest

import onelicense
from conftest import PATIENCE, ROOT


def binary(directory):
    """The server's binary: the one in ONELICENSE_BINARY, or a new build. Without Go the tests that need it are skipped."""
    given = os.environ.get("ONELICENSE_BINARY")
    if given:
        return given
    if shutil.which("go") is None and "CI" not in os.environ:
        pytest.skip("the real server needs Go to be built")
    path = str(directory / "onelicense")
    subprocess.run(["go", "build", "-o", path, "./server/cmd/onelicense"], cwd=ROOT, check=True, env={**os.environ, "CGO_ENABLED": "0"})
    return path


class Vendor:
    def __init__(self, directory):
        self._data = str(directory / "data")
        self._log = open(directory / "log", "w")
        self._process = subprocess.Popen(
            [binary(directory), "serve", "--listen", "127.0.0.1:0", "--data", self._data],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        said = self._process.stdout.readline() + self._process.stdout.readline()
        found = re.search(r"listening on (http://\S+)(?s:.*)/setup\?token=(\S+)", said)
        assert found, f"the server says {said!r}; its log is {self._log.name}"
        self.site, token = found.groups()
        self._names = itertools.count(1)
        self._csrf = ""
        self._http = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )
        session = self.ask(
            "POST",
            "/setup",
            token=token,
            organisation="Acme",
            name="Ada",
            email="ada@acme.example",
            password="correct horse battery staple",
        )
        self._csrf = session["csrf_token"]
        self.product = self.ask("POST", "/products", name="Acme CAD")["id"]
        self.keyring = self.ask("GET", f"/products/{self.product}/public-keys")
        self.server_url = f"{self.site}/api/v1#{onelicense.root(self.keyring)}"

    def ask(self, method, path, **body):
        data = json.dumps(body).encode() if method != "GET" else None
        request = urllib.request.Request(self.site + "/api/v1" + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        request.add_header("X-CSRF-Token", self._csrf)
        try:
            with self._http.open(request, timeout=PATIENCE) as answer:
                text = answer.read().decode()
                return json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{method} {path}: {e.code} {e.read().decode()}") from e

    def license(self, policy=None, **license):
        """A license under a version of its own: what a program must know of it, as settings."""
        policy = {"type": "calls", "interval_ms": 3_600_000, "activation_limit": 100, **(policy or {})}
        version = self.ask("POST", f"/products/{self.product}/versions", name=f"v{next(self._names)}", policy=policy)["id"]
        entitlements = [{"name": "rendering", "slots": 1}, {"name": "cam"}]
        wanted = {"name": "Plant 7", "contexts": ["ui", "automation"], "entitlements": entitlements, **license}
        if "calls" in policy["type"]:
            wanted.setdefault("allowance", 5)
        if "time" in policy["type"]:
            wanted.setdefault("expires", (datetime.now(timezone.utc) + timedelta(days=365)).strftime("%Y-%m-%dT%H:%M:%SZ"))
        made = self.ask("POST", f"/versions/{version}/licenses", **wanted)["id"]
        return {"server_url": self.server_url, "product_id": self.product, "version_id": version, "license_id": made}

    def policy(self, values, **policy):
        """Another policy for the version of a license; programs get it with their next sync."""
        version = f"/versions/{values['version_id']}"
        found = self.ask("GET", version)
        self.ask("PATCH", version, revision=found["revision"], policy={**found["policy"], **policy})

    def suspend(self, values):
        self.ask("POST", f"/licenses/{values['license_id']}/suspend")

    def used(self, values):
        return self.ask("GET", f"/licenses/{values['license_id']}")["calls_used"]

    def file(self, values):
        return self.ask("GET", f"/licenses/{values['license_id']}/file")

    def reservations(self, values):
        return self.ask("GET", f"/licenses/{values['license_id']}/reservations")["items"]

    def stop(self):
        self._process.send_signal(signal.SIGINT)
        self._process.wait(PATIENCE)
        self._process.stdout.close()
        self._log.close()


def until(condition):
    """Wait for a condition that another process brings about."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "the condition never came"
        time.sleep(0.01)
