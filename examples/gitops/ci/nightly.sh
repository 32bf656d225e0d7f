#!/bin/sh
# Follows the contracts, and fails if the ledger differs from the service.
set -eu
ci=$(dirname "$0")
"$ci/ledger.sh" get
code=0
treaty sync || code=$?
"$ci/ledger.sh" put
[ "$code" -eq 0 ] || exit "$code"
treaty plan --refresh --format json > drift.json
if ! grep -q '"drift": \[\]' drift.json; then
  echo "the service differs from the ledger: see drift in drift.json" >&2
  exit 3
fi
