#!/usr/bin/env python3
"""A key-value server: one JSON request per line, one JSON answer per line.

Requests: {"do": "set", "ns": N, "key": K, "value": V}, {"do": "get", "ns": N, "key": K}, {"do": "stats"}.
The data is one JSON file, rewritten (and moved into place) at every change.
"""

import json
import os
import socketserver
import sys
import threading

LOCK = threading.Lock()


class Store:
    def __init__(self, path):
        self.path = path
        self.data = {}
        if os.path.exists(path):
            with open(path) as file:
                self.data = json.load(file)

    def answer(self, request):
        what = request.get("do")
        namespace = request.get("ns", "")
        if what == "set":
            self.data.setdefault(namespace, {})[request["key"]] = request["value"]
            self.save()
            return {"ok": True}
        if what == "get":
            return {"ok": True, "value": self.data.get(namespace, {}).get(request["key"])}
        if what == "stats":
            return {"ok": True, "stats": {name: len(keys) for name, keys in self.data.items()}}
        return {"ok": False, "error": f"unknown request {what!r}"}

    def save(self):
        with open(self.path + ".new", "w") as file:
            json.dump(self.data, file)
        os.replace(self.path + ".new", self.path)


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            try:
                with LOCK:
                    answer = self.server.store.answer(json.loads(line))
            except (ValueError, KeyError, AttributeError) as error:
                answer = {"ok": False, "error": f"bad request: {error}"}
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main():
    address, port, path = sys.argv[1:]
    with Server((address, int(port)), Handler) as server:
        server.store = Store(path)
        server.serve_forever()


if __name__ == "__main__":
    main()
