"""A page out of the database, by way of the cache. Where they are is in files that the hooks write."""

import html
import http.server
import json
import socket
import sys
import urllib.request


def settings():
    with open("settings.json") as file:
        return json.load(file)


def query(sql, *values):
    db = settings()["db"]
    request = urllib.request.Request(
        f"http://{db['host']}:{db['port']}/{db['database']}",
        json.dumps({"sql": sql, "values": values}).encode(),
        {"X-Password": db["password"]},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def main_page():
    query("create table if not exists page (title text primary key, body text)")
    query("insert or ignore into page values ('Main Page', 'The wiki has been installed.')")
    [[body]] = query("select body from page where title = 'Main Page'")
    return body


def cached(key, make):
    cache = settings().get("cache")
    if not cache:
        return make(), "none"
    with socket.create_connection((cache["host"], int(cache["port"])), 10) as connection:
        with connection.makefile("rwb") as stream:
            stream.write(b"get %s\r\n" % key)
            stream.flush()
            found = stream.readline().split()
            if found[0] == b"VALUE":
                return stream.read(int(found[3])).decode(), "hit"
            value = make()
            body = value.encode()
            stream.write(b"set %s 0 0 %d\r\n%s\r\n" % (key, len(body), body))
            stream.flush()
            stream.readline()
            return value, "miss"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            body, cache = cached(b"main_page", main_page)
        except (OSError, KeyError, ValueError) as error:
            self.send_error(503, str(error))
            return
        title = html.escape(f"Main Page - {settings()['name']}")
        page = f"<html><head><title>{title}</title></head><body>{html.escape(body)}</body></html>\n".encode()
        self.send_response(200)
        self.send_header("X-Cache", cache)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)


http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
