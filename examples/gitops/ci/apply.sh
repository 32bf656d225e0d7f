#!/bin/sh
# Applies plan.json, or nothing. The ledger is stored also if some items failed.
set -eu
ci=$(dirname "$0")
"$ci/ledger.sh" get
code=0
treaty apply plan.json ${CONFIRM:+--confirm "$CONFIRM"} || code=$?
# A refused plan (5) has changed nothing.
[ "$code" -eq 5 ] || "$ci/ledger.sh" put
exit "$code"
