#!/usr/bin/env bash
# Whole clusters in simulated time, by seed: see the page of integration-tests/simulation/src/world/mod.rs. Arguments go
# to the program.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

echo "building the simulation; the first time takes some minutes" >&2
cargo build --quiet --profile simulation --package simulation
exec "$(target_dir)/simulation/simulate" "$@"
