#!/usr/bin/env bash
# Torture of real processes, for as long as it is told: see the page of integration-tests/src/bin/soak/main.rs. Arguments
# go to it. The broker gets a disk that forgets, and rules that can be taken out: no broker in use has that, so it is
# built apart.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

scripts/install-tools.sh
cargo build --profile simulation --package tidemark --features forgetful,mutants
cargo build --package integration-tests --bin soak
TIDEMARK_BIN=$(target_dir)/simulation/tidemark exec "$(target_dir)/debug/soak" "$@"
