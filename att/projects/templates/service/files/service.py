"""A small HTTP service to practise on: it greets, writes logs on both streams, and breaks when asked to.

    python service.py --port 8000
"""

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

log = logging.getLogger("service")


def greeting(name: str) -> str:
    """Return what the service answers to somebody called `name`."""
    return f"Hello, {name or 'world'}!"


class Service(ThreadingHTTPServer):
    """The server with what it remembers."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.healthy = True
        self.greeted = 0
        self.started = time.monotonic()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Service
    server_version = "service"

    def do_GET(self) -> None:
        path, _, name = self.path.strip("/").partition("/")
        if path == "health":
            healthy = self.server.healthy
            self.answer(200 if healthy else 503, {"healthy": healthy, "greeted": self.server.greeted})
        elif path == "live":
            self.answer(200, {"uptime_seconds": round(time.monotonic() - self.server.started, 1)})
        elif path in ("", "hello"):
            self.server.greeted += 1
            log.info("greeting number %d for %s", self.server.greeted, name or "world")
            self.answer(200, {"message": greeting(name)})
        else:
            log.warning("nothing is at %s", self.path)
            self.answer(404, {"error": "try /, /hello/NAME, /health, or POST /crash, /unhealthy, /healthy"})

    def do_POST(self) -> None:
        action, _, how = self.path.strip("/").partition("/")
        if action in ("healthy", "unhealthy"):
            self.server.healthy = action == "healthy"
            log.warning("switched to %s", action)
            self.answer(200, {"healthy": self.server.healthy})
        elif action == "crash":
            log.error("asked to crash (%s)", how or "exit code 1")
            self.answer(202, {"crashing": how or "1"})
            crash(how)
        else:
            self.answer(404, {"error": "POST /crash, /crash/CODE, /crash/SIGNAL, /unhealthy or /healthy"})

    def answer(self, status: int, content: dict) -> None:
        body = json.dumps(content).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, text: str, *values: object) -> None:
        """Access lines are for requests by people: health checks come every second."""
        if self.path.split("?")[0] not in ("/health", "/live"):
            log.info("%s %s", self.client_address[0], text % values)


def crash(how: str) -> None:
    """End at once, as a real crash does: with an exit code, or by a signal such as SIGSEGV."""
    sys.stdout.flush()
    if how.upper().startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, how.upper(), signal.SIGABRT))
        time.sleep(5)  # another thread may be the one that receives it
    os._exit(int(how) if how.isdigit() else 1)


def heartbeat(seconds: float) -> None:
    """Say on stdout that the service is alive."""
    count = 0
    while True:
        count += 1
        print(f"heartbeat {count}", flush=True)
        time.sleep(seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--heartbeat", type=float, default=2.0, help="seconds between two lines on stdout")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    print("service is starting", flush=True)
    service = Service(chosen.port)
    # shutdown() waits for the serving loop, which runs in this thread: another one has to call it.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=service.shutdown).start())
    threading.Thread(target=heartbeat, args=(chosen.heartbeat,), daemon=True).start()
    after = float(os.environ.get("CRASH_AFTER_SECONDS", "0"))
    if after > 0:
        log.warning("will crash in %g s (CRASH_AFTER_SECONDS)", after)
        threading.Timer(after, crash, ["1"]).start()
    log.info("listening on http://127.0.0.1:%d", service.server_address[1])
    service.serve_forever(poll_interval=0.05)
    service.server_close()
    print("service has stopped", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
