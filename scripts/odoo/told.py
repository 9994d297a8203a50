"""Prints what scripts/odoo.sh has started, as tests read it: told.py STATE DATABASE..."""
import json
import pathlib
import sys

state = pathlib.Path(sys.argv[1])


def tenant(database):
    accounts = json.loads((state / f"{database}.json").read_text())
    return {"url": (state / f"url-{database}").read_text().strip(), **accounts}


print(json.dumps({"tenants": [tenant(database) for database in sys.argv[2:]]}))
