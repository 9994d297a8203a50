#!/usr/bin/env bash
# Runs the tests against a real Odoo (scripts/odoo.sh says which), one after the other; arguments go to the test runner. Where there can be
# none, it says why in a line and that is all. PRESDR_ODOO_KEEP=1 leaves a server that was started running.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install.sh tests
told=$PWD/.presdr/test/odoo.json
mkdir -p "${told%/*}"
trap 'rm -f "$told"; [ -n "${PRESDR_ODOO_KEEP:-}" ] || scripts/odoo.sh down' EXIT
status=0
(umask 077 && : >"$told")
scripts/odoo.sh up >"$told" || status=$?
if [ "$status" = 3 ]; then
    echo "skipped: the tests against a real Odoo: there is none, and the line above says why"
    exit 0
fi
[ "$status" = 0 ] || exit "$status"
if ! why=$(scripts/oidc-provider.sh 2>&1); then echo "skipped: signing in to Odoo in a browser: $why"; fi

with_servers=(env PRESDR_TEST_ODOO="$told" "${CARGO_TARGET_DIR:-target}/debug/servers" --dir .presdr/test --)
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --no-run
    "${with_servers[@]}" cargo nextest run --workspace --run-ignored only --test-threads 1 --success-output final -E 'test(/\breal_odoo::/)' "$@"
    exit
fi
programs=(--workspace --lib --bins --tests)
cargo test "${programs[@]}" --no-run
"${with_servers[@]}" cargo test "${programs[@]}" --no-fail-fast -- --ignored --test-threads 1 --nocapture real_odoo:: "$@"
