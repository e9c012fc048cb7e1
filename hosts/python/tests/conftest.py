"""What the tests share: the module, compiled once; a scripted module; a scripted server."""

import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent
ROOT = PACKAGE.parent.parent
sys.path.insert(0, str(PACKAGE))

from onelicense import engine  # noqa: E402

IDS = {
    "product_id": "5edb10fecc150913cb7640f6",
    "version_id": "5edb1105cc150913cb7640f7",
    "license_id": "5edb1264cc150913cb7640f8",
}
PATIENCE = 60.0  # seconds until a condition that a test waits for counts as never


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory):
    """Nothing of the tests goes to the user's own directories; all of them share one cache."""
    if not engine.MODULE.exists():
        pytest.exit(f"{engine.MODULE} is missing: run 'make wasm'", 1)
    base = tmp_path_factory.mktemp("home")
    kept = {k: os.environ.get(k) for k in ("XDG_CACHE_HOME", "XDG_DATA_HOME")}
    for k in kept:
        os.environ[k] = str(base / k.lower())
    yield base
    for k, v in kept.items():
        if v is None:
            del os.environ[k]
        else:
            os.environ[k] = v


class FixedClock:
    """A clock that stands."""

    def __init__(self, now):
        self.time = now

    def now(self):
        return self.time

    def mono(self):
        return 0

    def random(self, n):
        return bytes(n)


class Script:
    """An engine whose modules answer by a function: script(script, event) gives effects, for each step. It keeps what it was asked."""

    def __init__(self, answer):
        self.answer = answer
        self.calls = []
        self.opened = 0
        self.closed = 0
        self.counts = []
        self.changed = threading.Condition()  # on an RLock: wait calls events

    def open(self):
        self.opened += 1
        return _Scripted(self)

    def events(self, kind):
        with self.changed:
            return [c["event"] for c in self.calls if c["op"] == "step" and c["event"]["type"] == kind]

    def wait(self, kind, n=1):
        """The nth event of a kind, as soon as it comes."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.events(kind)) >= n, PATIENCE), f"no {kind}"
        return self.events(kind)[n - 1]


class _Scripted:
    def __init__(self, script):
        self.script = script

    def call(self, call):
        with self.script.changed:
            self.script.calls.append(call)
            self.script.changed.notify_all()
        if call["op"] == "new":
            return {"handle": 1}
        if call["op"] == "step":
            answer = self.script.answer(call["event"])
            return answer if isinstance(answer, dict) else {"effects": answer or []}
        if call["op"] == "status":
            return {"status": {"pinned": True}}
        return {}

    def consume(self, handle, n, now):
        answer = self.script.counts.pop(0) if self.script.counts else 0
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self):
        self.script.closed += 1


def notify(call=None, code="ok", **more):
    """A notify effect."""
    from onelicense.verdicts import verdict

    row = verdict(code)
    v = {"ok": row.cls == "ok", "code": code, "class": row.cls, "allow_continue": row.allow_continue, "message": row.message, "do": row.do}
    v.update(more)
    return {"type": "notify", "verdict": v, **({"call": call} if call else {})}


def willing(event):
    """A module that says yes to every call."""
    return [notify(event["call"])] if event.get("call") else []


class Memory:
    """Storage in memory, which keeps every state that it was given."""

    def __init__(self, state="", save=None):
        self.states = [state] if state else []
        self.is_open = False
        self.before = save or (lambda state: None)

    def open(self):
        self.is_open = True

    def load(self):
        return self.states[-1] if self.states else ""

    def save(self, state):
        self.before(state)
        self.states.append(state)

    def close(self):
        self.is_open = False

    abandon = close


class Deaf:
    """A transport that must not be used."""

    def post(self, url, body, timeout):
        raise AssertionError("nothing may be sent")


@pytest.fixture
def web():
    """Makes scripted servers: web(respond) gives the address of one that answers each POST by respond(handler, body)."""
    servers = []

    def make(respond):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.requests.append((self.path, dict(self.headers), body))
                respond(self, body)

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.requests = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        return server

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def say(handler, status, body, kind="text/plain", **headers):
    """Answer a request."""
    text = body.encode()
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(text)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(text)


def python(*arguments, **more):
    """Run Python with this package."""
    env = {**os.environ, "PYTHONPATH": str(PACKAGE), **more.pop("env", {})}
    return subprocess.run([sys.executable, *arguments], env=env, capture_output=True, text=True, timeout=PATIENCE, **more)
