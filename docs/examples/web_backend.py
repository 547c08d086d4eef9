"""The backend of a web interface for one Hermes root: `python web_backend.py 8080 ~/.hermes`."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from hermes_profiles import HermesProfilesError, Root, open_root


class Backend(BaseHTTPRequestHandler):
    """`GET /profiles`, `GET /status`, `POST /clone?source=&name=&dry_run=1`, `POST /start?name=`."""

    root: Root

    def do_GET(self) -> None:
        if self.path == "/profiles":
            rows = [{"name": p.name, "state": str(gateway.state)} for p, gateway, *_ in self.root.profiles()]
            self.answer({"profiles": rows})
        elif self.path == "/status":
            rows = [
                {"name": g.profile, "state": str(g.state), "pid": g.gateway.pid} for g in self.root.status().gateways
            ]
            self.answer({"gateways": rows})

    def do_POST(self) -> None:
        url, given = urlsplit(self.path), dict(parse_qsl(urlsplit(self.path).query))
        try:
            if url.path == "/clone":
                planned = self.root.plan_clone(given["source"], given["name"])
                left = [row.name for row in planned.report.env_removed] if planned.report else []
                change = None if "dry_run" in given else self.root.apply(planned).id
                self.answer({"path": str(planned.home), "left_behind": left, "change": change})
            elif url.path == "/start":
                self.answer()  # a JSON object a line: states, then the outcome
                self.root.start(
                    [given["name"]],
                    on_progress=lambda event: self.line({n: str(g.state) for n, g in event.gateways.items()}),
                    on_outcome=lambda outcome: self.line(outcome.as_data()),
                )
        except HermesProfilesError as error:
            self.answer({"error": error.problem.as_dict()}, 409)

    def answer(self, data: object = None, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        if data is not None:
            self.line(data)

    def line(self, data: object) -> None:
        self.wfile.write(json.dumps(data).encode() + b"\n")


if __name__ == "__main__":
    Backend.root = open_root(sys.argv[2] if len(sys.argv) > 2 else None)
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Backend).serve_forever()
