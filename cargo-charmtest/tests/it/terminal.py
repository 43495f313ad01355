"""Runs a command on a terminal of its own, as a user at it would.

usage: terminal.py STEPS COMMAND...

STEPS is a JSON list of [EXPECT, TYPE]: once the terminal has shown EXPECT, since the last step, TYPE is typed; `SIGTERM` is sent to the
command instead. Prints all that the terminal showed and ends with the command's exit code, or with 125 if a step was never reached.
"""

import json
import os
import pty
import select
import signal
import sys
import time

LIMIT = 300

steps = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown = b""
seen = 0
deadline = time.monotonic() + LIMIT
while True:
    ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
    if not ready:
        os.kill(pid, signal.SIGTERM)
        print(shown.decode(errors="replace"))
        print(f"nothing more within {LIMIT} s; still expected: {steps}")
        sys.exit(125)
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        piece = b""
    if not piece:
        break
    shown += piece
    while steps and (at := shown.find(steps[0][0].encode(), seen)) >= 0:
        seen = at + len(steps[0][0].encode())
        _, type = steps.pop(0)
        if type == "SIGTERM":
            os.kill(pid, signal.SIGTERM)
        else:
            os.write(terminal, type.encode())
_, status = os.waitpid(pid, 0)
print(shown.decode(errors="replace"))
if steps:
    print(f"it ended, and still expected: {steps}")
    sys.exit(125)
sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)
