import ops


class Vault(ops.CharmBase):
    """Owns a secret with a label and grants it, or reads the one of the other side."""

    def __init__(self, framework):
        super().__init__(framework)
        framework.observe(self.on.start, self._on_start)
        framework.observe(self.on["keys"].relation_created, self._on_grant)
        framework.observe(self.on["lock"].relation_changed, self._on_offered)
        framework.observe(self.on.change_action, self._on_change)
        framework.observe(self.on.secret_changed, self._on_secret_changed)
        framework.observe(self.on.secret_remove, self._on_secret_remove)

    def _on_start(self, _):
        self.unit.status = ops.ActiveStatus("empty")

    def _on_grant(self, event):
        secret = self.app.add_secret({"password": "first"}, label="password")
        secret.grant(event.relation)
        event.relation.data[self.app]["secret"] = secret.id

    def _on_offered(self, event):
        named = event.relation.data[event.app].get("secret")
        if named:
            secret = self.model.get_secret(id=named, label="theirs")
            self.unit.status = ops.ActiveStatus(f"read {secret.get_content()['password']}")

    def _on_change(self, event):
        self.model.get_secret(label="password").set_content({"password": event.params["to"]})

    def _on_secret_changed(self, event):
        before = event.secret.get_content()["password"]
        after = event.secret.get_content(refresh=True)["password"]
        self.unit.status = ops.ActiveStatus(f"{event.secret.label}: {before} became {after}")

    def _on_secret_remove(self, event):
        self.unit.status = ops.ActiveStatus(f"{event.secret.label}: removed {event.revision}")
        event.remove_revision()


if __name__ == "__main__":
    ops.main(Vault)
