#!/usr/bin/env bash
# Installs the vendors' own Python client libraries into .tools/vendor-sdks, for the test that runs them against the sandbox. Ends with 3,
# and says why, where they cannot be had.
#
# Lusha publishes no Python library; its imitation is tested without one.
set -euo pipefail
exec "$(dirname "$0")/python-packages.sh" vendor-sdks sandbox/tests/vendors/sdks/requirements.txt
