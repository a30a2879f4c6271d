"""The meter under test, as it describes itself: its start-up line, and its control interface over HTTP."""

import json
import time
import urllib.error
import urllib.request


class VirtualMeter:
    """A running `ferraris meter`, known only by what it says."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            says = json.load(file)
        self.wrapper = address(says["wrapper"])
        self.hdlc = address(says["hdlc"])
        http = says["http"]
        self.url = http.rstrip("/") if http.startswith("http") else "http://" + http
        self.system_title = bytes.fromhex(says["system_title"])
        self.clients = says["clients"]

    def client(self, authentication):
        """The first client that associates in this way."""
        for client in self.clients:
            if client["authentication"] == authentication:
                return client
        raise LookupError(f"the meter names no client with authentication {authentication}")

    def state(self):
        """Everything that the meter says of itself beside DLMS."""
        with urllib.request.urlopen(self.url + "/api/v1/state", timeout=10) as answer:
            return json.load(answer)

    def put(self, path, body):
        """A change of the world around the meter."""
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(body).encode(),
            method="PUT",
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as refusal:
            raise RuntimeError(f"PUT {path} {body}: {refusal.code} {refusal.read().decode()}") from refusal

    def speed(self, factor):
        """Seconds of the world per second; 0 stands still."""
        self.put("/api/v1/time", {"speed": factor})

    def wait(self, condition, seconds, step=0.1):
        """The first state for which the condition holds, or the last one seen when the time is over."""
        end = time.monotonic() + seconds
        while True:
            state = self.state()
            if condition(state) or time.monotonic() > end:
                return state
            time.sleep(step)


def address(text):
    """`127.0.0.1:4059` as a pair for a socket."""
    host, port = text.rsplit(":", 1)
    return host.removeprefix("tcp://"), int(port)
