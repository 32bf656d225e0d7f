#!/bin/sh
# Applies plan.json, or nothing.
set -eu
exec "$(dirname "$0")/with_ledger.sh" treaty apply plan.json ${CONFIRM:+--confirm "$CONFIRM"}
