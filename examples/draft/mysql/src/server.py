"""SQL over HTTP: POST a statement to /DATABASE with its password; rows come back as JSON."""

import http.server
import json
import os
import sqlite3
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        database = os.path.basename(self.path)
        try:
            with open(f"data/{database}.password") as file:
                password = file.read()
        except FileNotFoundError:
            return self.answer(404, "no such database")
        if self.headers.get("X-Password") != password:
            return self.answer(403, "access denied")
        statement = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            with sqlite3.connect(f"data/{database}.db") as connection:
                rows = connection.execute(statement["sql"], statement.get("values", [])).fetchall()
        except sqlite3.Error as error:
            return self.answer(400, str(error))
        self.answer(200, rows)

    def answer(self, code, body):
        body = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
