#!/bin/sh
# Follows the contracts, and fails if the ledger differs from the service.
set -eu
ci=$(dirname "$0")
"$ci/with_ledger.sh" treaty sync
treaty plan --refresh --format json > drift.json
if ! grep -q '"drift": \[\]' drift.json; then
  echo "the service differs from the ledger: see drift in drift.json" >&2
  exit 3
fi
