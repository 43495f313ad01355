"""`get` and `set` of memcached's text protocol."""

import socketserver
import sys

STORE = {}


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline().split():
            if line[0] == b"set":
                STORE[line[1]] = self.rfile.read(int(line[4]))
                self.rfile.readline()
                self.wfile.write(b"STORED\r\n")
            elif line[0] == b"get":
                value = STORE.get(line[1])
                if value is not None:
                    self.wfile.write(b"VALUE %s 0 %d\r\n%s\r\n" % (line[1], len(value), value))
                self.wfile.write(b"END\r\n")
            else:
                self.wfile.write(b"ERROR\r\n")


socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
