#!/bin/sh
# Runs a command with the ledger: with_ledger.sh COMMAND…
#
# The ledger is stored also if the command failed or the job is cancelled: the next job would send again
# what the stored ledger does not know.
set -eu
ci=$(dirname "$0")
"$ci/ledger.sh" get
"$@" &
pid=$!
trap 'kill -TERM "$pid" 2>/dev/null || true' INT TERM
code=0
wait "$pid" || code=$?
# A signal ends the wait; treaty completes what is in progress.
while kill -0 "$pid" 2>/dev/null; do
  code=0
  wait "$pid" || code=$?
done
# A refused plan (5) has changed nothing.
[ "$code" -eq 5 ] || "$ci/ledger.sh" put
exit "$code"
