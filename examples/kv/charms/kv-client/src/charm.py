#!/usr/bin/env python3
"""The charm of the key-value client."""

import json
import socket

import ops


class KvClientCharm(ops.CharmBase):
    """Keeps the configured motto in the database."""

    def __init__(self, framework):
        super().__init__(framework)
        for event in (self.on.config_changed, self.on.database_relation_changed, self.on.update_status):
            framework.observe(event, self._on_reconcile)
        framework.observe(self.on.put_action, self._on_put)
        framework.observe(self.on.get_action, self._on_get)
        framework.observe(self.on.collect_unit_status, self._on_collect_status)

    def _database(self):
        """Returns (host, port, namespace) of the database, or None while it is not known."""
        relation = self.model.get_relation("database")
        if relation is None or relation.app is None:
            return None
        data = relation.data[relation.app]
        if "primary" not in data:
            return None
        host, port = data["primary"].rsplit(":", 1)
        return host, int(port), data["namespace"]

    def _ask(self, **request):
        host, port, namespace = self._database()
        with socket.create_connection((host, port), timeout=5) as connection:
            connection.sendall(json.dumps({**request, "ns": namespace}).encode() + b"\n")
            return json.loads(connection.makefile().readline())

    def _on_reconcile(self, _):
        if self._database() and self.unit.is_leader():
            self._ask(do="set", key="motto", value=self.config["motto"])

    def _on_put(self, event):
        if not self._database():
            event.fail("no database")
            return
        self._ask(do="set", key=event.params["key"], value=event.params["value"])

    def _on_get(self, event):
        if not self._database():
            event.fail("no database")
            return
        value = self._ask(do="get", key=event.params["key"])["value"]
        if value is None:
            event.fail(f"no such key: {event.params['key']}")
            return
        event.set_results({"value": value})

    def _on_collect_status(self, event):
        if self.model.get_relation("database") is None:
            event.add_status(ops.BlockedStatus("needs a database"))
        elif not self._database():
            event.add_status(ops.WaitingStatus("the database is not ready"))
        else:
            host, port, _ = self._database()
            event.add_status(ops.ActiveStatus(f"using {host}:{port}"))


if __name__ == "__main__":
    ops.main(KvClientCharm)
