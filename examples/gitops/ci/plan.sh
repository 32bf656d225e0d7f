#!/bin/sh
# Saves a plan for approval as plan.json, and writes the comment of the pull request to plan.md.
set -eu
ci=$(dirname "$0")
"$ci/ledger.sh" get
treaty plan -o plan.json --valid-for "${VALID_FOR:-72h}" --format markdown > plan.md
