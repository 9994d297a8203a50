"""Prints an Odoo that was given, as tests read it, once its keys were seen to work: given.py URL KEYS_FILE."""
import json
import sys

from key import why_not

url, keys = sys.argv[1].rstrip("/"), sys.argv[2]
if not keys:
    sys.exit("odoo: ODOO_URL is given and ODOO_KEYS is not: it names a file with the accounts (scripts/odoo.sh tells their form)")
try:
    with open(keys) as file:
        tenants = [{"url": url, **tenant} for tenant in json.load(file)["tenants"]]
    missing = [f"{tenant['db']} has no {name}" for tenant in tenants for name in ("admin", "service", "limited") if name not in tenant]
except (OSError, ValueError, KeyError, TypeError) as error:
    sys.exit(f"odoo: ODOO_KEYS, {keys}, cannot be used: {error!r}")
missing += ["it names fewer than two databases"] * (len(tenants) < 2)
missing += filter(None, (why_not(tenant["url"], tenant) for tenant in tenants if "service" in tenant))
if missing:
    sys.exit(f"odoo: ODOO_KEYS, {keys}: {'; '.join(missing)}")
print(json.dumps({"tenants": tenants}))
