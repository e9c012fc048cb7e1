"""One exchange, with servers that behave and that do not."""

import email.utils
import socket
import ssl
import threading
import time

import pytest

from conftest import PATIENCE, say
from onelicense.transport import HTTP, MAX_ANSWER, retry_after


def test_what_is_sent(web):
    server = web(lambda h, body: say(h, 200, "yes"))
    answer = HTTP().post(server.url + "/api/v1/sync", "ask\n", PATIENCE)
    assert (answer.status, answer.body, answer.retry_after) == (200, "yes", 0)
    ((path, headers, body),) = server.requests
    assert path == "/api/v1/sync" and body == b"ask\n"
    assert headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("status", [204, 301, 302, 307, 308, 403, 404, 500, 503])
def test_every_status_is_an_answer(web, status):
    server = web(lambda h, body: say(h, status, "" if status == 204 else "<html>no</html>", "text/html"))
    assert HTTP().post(server.url, "", PATIENCE).status == status


def test_a_redirect_is_not_followed(web):
    other = web(lambda h, body: say(h, 200, "stolen"))
    server = web(lambda h, body: say(h, 307, "", Location=other.url))
    assert HTTP().post(server.url, "secret", PATIENCE).status == 307
    assert other.requests == []


def test_retry_after_is_passed_on(web):
    server = web(lambda h, body: say(h, 503, '{"code":"busy"}', "application/problem+json", Retry_After="120"))
    assert HTTP().post(server.url, "", PATIENCE).retry_after == 120


def test_retry_after_in_all_its_forms():
    assert retry_after(None) == retry_after("soon") == retry_after("-5") == retry_after("²") == 0
    assert retry_after(" 7 ") == 7
    assert retry_after("9" * 50) == 1 << 31
    assert retry_after(email.utils.formatdate(0, usegmt=True)) == 0
    assert 3000 < retry_after(email.utils.formatdate(time.time() + 3600, usegmt=True)) <= 3601


def test_a_large_answer_is_cut(web):
    server = web(lambda h, body: say(h, 200, "x" * (MAX_ANSWER + 1)))
    assert len(HTTP().post(server.url, "", PATIENCE).body) == MAX_ANSWER


def test_bytes_that_are_no_text(web):
    def respond(h, body):
        h.send_response(200)
        h.end_headers()
        h.wfile.write(b"\xff\x00\xfe")

    assert "\ufffd" in HTTP().post(web(respond).url, "", PATIENCE).body


@pytest.fixture
def listener():
    """A server that takes connections, and does with them what the test says: listener(do) gives its address."""
    sockets = []

    def make(do):
        s = socket.create_server(("127.0.0.1", 0))
        sockets.append(s)

        def run():
            while True:
                try:
                    c, _ = s.accept()
                except OSError:
                    return
                sockets.append(c)
                threading.Thread(target=do, args=(c,), daemon=True).start()

        threading.Thread(target=run, daemon=True).start()
        return f"127.0.0.1:{s.getsockname()[1]}"

    yield make
    for s in sockets:
        s.close()


# proves C02
def test_nobody_is_there():
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    with pytest.raises(OSError):
        HTTP().post(f"http://127.0.0.1:{port}", "", PATIENCE)


def test_a_server_that_is_silent(listener):
    with pytest.raises(OSError, match="timed out"):
        HTTP().post("http://" + listener(lambda c: None), "", 0.05)


def test_a_server_that_never_ends(listener):
    """Each byte comes in time; together they would take for ever."""
    over = threading.Event()

    def drip(c):
        try:
            c.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not over.wait(0.01):
                c.sendall(b"x")
        except OSError:
            pass

    try:
        with pytest.raises(OSError, match="timed out"):
            HTTP().post("http://" + listener(drip), "", 0.3)
    finally:
        over.set()


def test_a_server_that_speaks_something_else(listener):
    with pytest.raises(OSError, match="HTTP"):
        HTTP().post("http://" + listener(lambda c: (c.sendall(b"220 mail.example.com\r\n"), c.close())), "", PATIENCE)


def test_a_connection_that_breaks(listener):
    with pytest.raises(OSError):
        HTTP().post("http://" + listener(lambda c: (c.recv(1), c.shutdown(socket.SHUT_RDWR), c.close())), "", PATIENCE)


def test_a_server_without_a_certificate(listener):
    with pytest.raises(OSError):
        HTTP().post("https://" + listener(lambda c: (c.sendall(b"HTTP/1.1 200 OK\r\n\r\n"), c.close())), "", PATIENCE)


def test_certificates_are_verified():
    context = HTTP()._verifying()
    assert context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname


def test_loopback_needs_no_proxy(web, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server = web(lambda h, body: say(h, 200, "direct"))
    assert HTTP().post(server.url, "", PATIENCE).body == "direct"


def test_a_proxy_of_the_environment_is_used(web, monkeypatch):
    proxy = web(lambda h, body: say(h, 200, "by proxy"))
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    assert HTTP().post("http://licenses.invalid/sync", "", PATIENCE).body == "by proxy"
    assert proxy.requests[0][0] == "http://licenses.invalid/sync"
