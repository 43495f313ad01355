import os
import pathlib

import ops


class Deferrer(ops.CharmBase):
    """Defers `install` until the configuration says that it is ready."""

    stored = ops.StoredState()

    def __init__(self, framework):
        super().__init__(framework)
        self.stored.set_default(deferred=0, installed=False, hooks=[])
        framework.observe(self.on.install, self._on_install)
        framework.observe(self.on.start, self._on_start)
        framework.observe(self.on.count_action, self._on_count)
        framework.observe(self.on.collect_unit_status, self._on_collect_status)

    def _on_install(self, event):
        hook = os.environ["JUJU_DISPATCH_PATH"].removeprefix("hooks/")
        if not self.config["ready"]:
            self.stored.deferred += 1
            self.stored.hooks.append(hook)
            self._note(f"install-deferred-in {hook}")
            event.defer()
            return
        self.stored.installed = True
        self._note(f"install-done-in {hook}")

    def _on_start(self, _):
        self._note("start-seen")

    def _on_count(self, event):
        event.set_results({"deferred": self.stored.deferred, "hooks": " ".join(self.stored.hooks)})

    def _on_collect_status(self, event):
        if self.stored.installed:
            event.add_status(ops.ActiveStatus(f"deferred {self.stored.deferred} times"))
        else:
            event.add_status(ops.WaitingStatus("not ready"))

    def _note(self, what):
        with open(pathlib.Path("trace-to").read_text(), "a") as trace:
            trace.write(f"{self.unit.name} {what}\n")


if __name__ == "__main__":
    ops.main(Deferrer)
