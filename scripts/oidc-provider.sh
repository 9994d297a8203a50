#!/usr/bin/env bash
# Installs what the gateway's tests in a browser need: a real OpenID provider (npm's oidc-provider) and the driver of a browser, pinned with
# their hashes in gateway/tests/provider/package-lock.json. Ends with 3, and says why, where they cannot be had: no node, no registry, no
# Chromium. What is there already is kept, so a second run only looks.
set -euo pipefail
cd "$(dirname "$0")/../gateway/tests/provider"

cannot=3

give_up() {
    echo "oidc-provider: $*" >&2
    exit $cannot
}

have_them() { cmp -s package-lock.json node_modules/.installed; }

command -v chromium >/dev/null || command -v chromium-browser >/dev/null || give_up "there is no Chromium (Debian: apt-get install chromium)"
node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' 2>/dev/null || give_up "there is no node 20 or newer"
if have_them; then exit 0; fi
if command -v flock >/dev/null; then exec 9>.lock && flock 9; fi
if have_them; then exit 0; fi
timeout 300 npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || give_up "the packages could not be installed"
cp package-lock.json node_modules/.installed
