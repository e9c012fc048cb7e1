"""A program that is licensed.

    demo.py --server URL --product ID --version ID --license ID --storage DIR STEP...
    demo.py --server URL --product ID --version ID --license ID --storage DIR --serve 127.0.0.1:8080

Steps: consume=N, reserve=CONTEXT:ENTITLEMENT, release=CONTEXT:ENTITLEMENT, check=CONTEXT:ENTITLEMENT, sync, status, hold (until a line
comes in), shutdown. Each prints its name, a tab, and the code of its verdict. A refusal does not keep the next step from being tried, but
makes the exit status 1. With --serve it is a web service instead: one route that everybody may use, and one that is licensed.
"""

import argparse
import http.server
import json
import signal
import sys

from onelicense import LicenseError, OneLicenseClient


def main() -> int:
    options = argparse.ArgumentParser(usage=__doc__)
    for name in ("server", "product", "version", "license", "storage"):
        options.add_argument("--" + name, default="")
    options.add_argument("--serve", default="", metavar="ADDR")
    options.add_argument("steps", nargs="*", metavar="STEP")
    given = options.parse_args()
    try:
        client = OneLicenseClient(given.server, given.product, given.version, given.license, storage=given.storage or None)
    except LicenseError as e:
        say("start", e.code, e)
        return 1
    if given.serve:
        return serve(client, given.serve)
    refused = 0
    for step in given.steps:
        name, _, argument = step.partition("=")
        code = perform(client, name, argument)
        say(name, code)
        refused += code != "ok"
    client.shutdown()
    return 1 if refused else 0


def perform(client: OneLicenseClient, name: str, argument: str) -> str:
    """Do one step and give the code of its verdict."""
    context, _, entitlement = argument.partition(":")
    try:
        if name == "consume":
            for _ in range(int(argument or "1")):
                client.consume()
        elif name == "reserve":
            client.reserve(context, entitlement)
        elif name == "release":
            client.release(context, entitlement)
        elif name == "check":
            client.check(context, entitlement)
        elif name == "sync":
            client.sync()
        elif name == "status":
            return str(client.status()["licenses"][0]["verdict"]["code"])
        elif name == "hold":
            sys.stdin.readline()
        elif name == "shutdown":
            return client.shutdown().code
        else:
            sys.exit(f"no step {name!r}")
    except LicenseError as e:
        print(e, file=sys.stderr)
        return e.code
    return "ok"


def say(name: str, code: str, why: object = None) -> None:
    if why is not None:
        print(why, file=sys.stderr)
    print(f"{name}\t{code}", flush=True)


def serve(client: OneLicenseClient, address: str) -> int:
    class Service(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/":
                self.answer(200, {"hello": "everybody"})
            elif self.path == "/work":
                try:
                    client.consume()
                except LicenseError as e:
                    self.answer(403, {"code": e.code, "message": e.message, "do": e.do})
                else:
                    self.answer(200, {"done": True})
            else:
                self.answer(404, {"routes": ["/", "/work"]})

        def answer(self, status: int, body: object) -> None:
            text = json.dumps(body).encode() + b"\n"
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            pass

    host, _, port = address.rpartition(":")
    with http.server.ThreadingHTTPServer((host or "127.0.0.1", int(port)), Service) as server:
        # Also where a shell has started the program with SIGINT ignored, as it does in the background.
        for end in (signal.SIGINT, signal.SIGTERM):
            signal.signal(end, signal.default_int_handler)
        print(f"listening on http://{host or '127.0.0.1'}:{server.server_port}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
    client.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
