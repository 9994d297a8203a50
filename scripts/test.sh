#!/usr/bin/env bash
# Builds and runs all tests with one PostgreSQL server at hand that they share; arguments go to the test runner.
# cargo-nextest is used where it is installed, `cargo test` otherwise. The documentation's examples run first.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install.sh tests
# Said here, since a runner shows nothing of what a test prints that passes.
real_input=${PRESDR_SHARED:-../shared}/data
if [ ! -d "$real_input/sites" ]; then
    echo "skipped: tests over real sites and files, since $real_input is not there (PRESDR_SHARED names the folder that holds data/)"
fi
if ! why=$(scripts/oidc-provider.sh 2>&1); then echo "skipped: tests in a browser: $why"; fi
if ! why=$(scripts/langgraph-sdks.sh 2>&1); then echo "skipped: the LangGraph SDKs: $why"; fi
if ! why=$(scripts/python-packages.sh schemathesis gateway/tests/fuzz/requirements.txt 2>&1); then echo "skipped: fuzzing the gateway: $why"; fi
with_database=("${CARGO_TARGET_DIR:-target}/debug/servers" --dir .presdr/test --)
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --no-run
    cargo test --workspace --doc --quiet
    exec "${with_database[@]}" cargo nextest run --workspace "$@"
fi

programs=(--workspace --lib --bins --tests)
cargo test "${programs[@]}" --no-run
cargo test --workspace --doc --quiet
output=.presdr/test/output
mkdir -p "${output%/*}"
status=0
"${with_database[@]}" cargo test "${programs[@]}" --no-fail-fast "$@" 2>&1 | tee "$output" || status=$?
# Each test program closes with a count of its own; this is the sum.
awk '/^test result:/ { passed += $4; failed += $6 } END { print passed + 0 " passed, " failed + 0 " failed" }' "$output"
exit $status
