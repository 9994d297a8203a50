"""Whether an Odoo takes the service account's key: key.py URL ACCOUNTS_FILE. Ends with 1, and says why, when not."""
import json
import sys
import urllib.error
import urllib.request


def why_not(url, tenant):
    """What keeps the key of a tenant from working, in one line; None when it works. No key is in it."""
    headers = {"Authorization": f"bearer {tenant['service']['api_key']}", "X-Odoo-Database": tenant["db"], "Content-Type": "application/json"}
    question = urllib.request.Request(f"{url}/json/2/res.users/context_get", b"{}", headers)
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(question, timeout=60).read()
    except urllib.error.HTTPError as error:
        return f"{url} refuses the service account of {tenant['db']}: HTTP {error.code}"
    except OSError as error:
        return f"{url} does not answer: {error}"


if __name__ == "__main__":
    with open(sys.argv[2]) as file:
        sys.exit(why_not(sys.argv[1], json.load(file)))
