import ops


class Ring(ops.CharmBase):
    """The leader keeps the list of members in the application's data, for all units to read."""

    def __init__(self, framework):
        super().__init__(framework)
        ring = self.on["ring"]
        for event in (ring.relation_created, ring.relation_changed, ring.relation_departed, self.on.leader_elected):
            framework.observe(event, self._on_ring)
        framework.observe(self.on.collect_unit_status, self._on_collect_status)
        framework.observe(self.on.collect_app_status, self._on_collect_app_status)

    @property
    def ring(self):
        return self.model.get_relation("ring")

    def _on_ring(self, event):
        self.ring.data[self.unit]["name"] = self.unit.name
        if not self.unit.is_leader():
            return
        gone = getattr(event, "departing_unit", None)
        members = [self.unit] + [unit for unit in self.ring.units if unit != gone]
        names = [self.ring.data[unit].get("name") for unit in members]
        self.ring.data[self.app]["members"] = " ".join(sorted(name for name in names if name))
        self.ring.data[self.app]["leader"] = self.unit.name

    def _on_collect_status(self, event):
        data = self.ring.data[self.app] if self.ring else {}
        if not data.get("members"):
            event.add_status(ops.WaitingStatus("no members"))
            return
        event.add_status(ops.ActiveStatus(f"{data['members']} led by {data['leader']}"))

    def _on_collect_app_status(self, event):
        event.add_status(ops.ActiveStatus(f"{len(self.ring.units) + 1} members" if self.ring else ""))


if __name__ == "__main__":
    ops.main(Ring)
