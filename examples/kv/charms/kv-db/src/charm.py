#!/usr/bin/env python3
"""The charm of the key-value database."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import ops

VERSION = "1.1"
SERVER = pathlib.Path(__file__).with_name("server.py")


class KvDbCharm(ops.CharmBase):
    """Runs one server per unit and tells clients where the primary is."""

    def __init__(self, framework):
        super().__init__(framework)
        for event in (self.on.start, self.on.config_changed, self.on.upgrade_charm, self.on.update_status):
            framework.observe(event, self._on_reconcile)
        for event in (self.on.database_relation_created, self.on.database_relation_joined, self.on.leader_elected):
            framework.observe(event, self._on_publish)
        framework.observe(self.on.stop, self._on_stop)
        framework.observe(self.on.stats_action, self._on_stats)
        framework.observe(self.on.collect_unit_status, self._on_collect_status)

    @property
    def address(self):
        return str(self.model.get_binding("database").network.bind_address)

    @property
    def port(self):
        return int(self.config["port"])

    @property
    def pid_file(self):
        return self.charm_dir / "server.pid"

    def _on_reconcile(self, event):
        if isinstance(event, ops.UpgradeCharmEvent) or not self._answers():
            self._restart()
        self.unit.set_workload_version(VERSION)
        self._on_publish(event)

    def _on_publish(self, _):
        if not self.unit.is_leader():
            return
        for relation in self.model.relations["database"]:
            relation.data[self.app]["primary"] = f"{self.address}:{self.port}"
            relation.data[self.app]["namespace"] = f"relation-{relation.id}"

    def _on_stop(self, _):
        self._kill()

    def _on_stats(self, event):
        event.set_results({"namespaces": json.dumps(self._ask({"do": "stats"})["stats"])})

    def _on_collect_status(self, event):
        if not self._answers():
            event.add_status(ops.MaintenanceStatus("the server is not up"))
        role = "primary" if self.unit.is_leader() else "standby"
        event.add_status(ops.ActiveStatus(f"{role} on port {self.port}"))

    def _restart(self):
        self._kill()
        self.unit.set_ports(self.port)
        server = subprocess.Popen(
            [sys.executable, str(SERVER), self.address, str(self.port), str(self.charm_dir / "data.json")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.pid_file.write_text(str(server.pid))
        deadline = time.monotonic() + 10
        while not self._answers():
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server does not come up on {self.address}:{self.port}")
            time.sleep(0.02)

    def _kill(self):
        if not self.pid_file.exists():
            return
        pid = int(self.pid_file.read_text())
        self.pid_file.unlink()
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pass

    def _ask(self, request):
        with socket.create_connection((self.address, self.port), timeout=5) as connection:
            connection.sendall(json.dumps(request).encode() + b"\n")
            return json.loads(connection.makefile().readline())

    def _answers(self):
        try:
            return self._ask({"do": "stats"})["ok"]
        except OSError:
            return False


if __name__ == "__main__":
    ops.main(KvDbCharm)
