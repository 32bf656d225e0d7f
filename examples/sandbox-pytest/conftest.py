"""Starts `treaty sandbox` once for all tests, and empties it before each one."""

import json
import os
import pathlib
import re
import subprocess
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from lending import Client

HERE = pathlib.Path(__file__).parent
SECRET = "test-secret"


class Sandbox:
    """A running sandbox and its commands for tests."""

    def __init__(self, base, record):
        self.base = base
        self.record = record

    def drive(self, command, **selection):
        """Sends a command: sign, refuse, expire or reset."""
        body = json.dumps(selection).encode()
        request = urllib.request.Request(f"{self.base}/_sandbox/{command}", body)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def flows(self):
        with urllib.request.urlopen(f"{self.base}/_sandbox/flows", timeout=10) as response:
            return json.load(response)["flows"]

    def calls(self):
        """Returns the calls since the last reset."""
        lines = self.record.read_text(encoding="utf-8").splitlines()
        calls = [json.loads(line) for line in lines]
        resets = [i for i, call in enumerate(calls) if call["operation"] == "_sandbox/reset"]
        return calls[resets[-1] + 1 :] if resets else calls


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    record = tmp_path_factory.mktemp("sandbox") / "calls.jsonl"
    command = [
        os.environ.get("TREATY", "treaty"),
        *("sandbox", "--memory", "--addr", "127.0.0.1:0", "--callback-interval", "100ms"),
        *("--fixtures", str(HERE / "fixtures.yaml"), "--record", str(record)),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    first = process.stdout.readline()
    base = re.search(r"http://[\d.]+:\d+", first)
    assert base, f"the sandbox did not start: {first}"
    yield Sandbox(base.group(), record)
    process.terminate()
    assert process.wait(timeout=10) == 0


@pytest.fixture
def sandbox(server):
    server.drive("reset")
    return server


@pytest.fixture
def client(sandbox):
    return Client(f"{sandbox.base}/opentreaty-service", "test-app", SECRET)


@pytest.fixture
def callbacks():
    """Receives callbacks. Yields its address and a function that waits for the next one."""
    received, arrived = [], threading.Semaphore(0)

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            received.append((self.headers, body))
            arrived.release()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def next_callback():
        assert arrived.acquire(timeout=10), "no callback arrived"
        return received.pop(0)

    yield f"http://127.0.0.1:{server.server_port}/callback", next_callback
    server.shutdown()
