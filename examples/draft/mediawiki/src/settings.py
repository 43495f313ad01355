"""Writes settings.json of what relations and configuration say; prints whether there is a database."""

import json
import os
import subprocess


def tool(*words):
    return json.loads(subprocess.check_output([*words, "--format", "json"]) or "null")


def remote(endpoint, key):
    """The settings of the first unit at the other end that has given `key`."""
    for relation in tool("relation-ids", endpoint):
        for unit in tool("relation-list", "-r", relation):
            values = tool("relation-get", "-r", relation, "-", unit)
            if values and key in values:
                return values
    return None


settings = {"name": tool("config-get", "name"), "db": remote("db", "password"), "cache": remote("cache", "host")}
with open("settings.json.new", "w") as file:
    json.dump(settings, file)
os.rename("settings.json.new", "settings.json")
print("active" if settings["db"] else "blocked")
