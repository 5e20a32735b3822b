#!/usr/bin/env bash
# Torture of real processes, for as long as it is told: see the page of integration-tests/src/bin/soak/main.rs. Arguments
# go to it. The broker gets a disk that forgets, which no broker in use has, so it is built apart from all others.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

scripts/install-tools.sh
cargo build --profile simulation --package tidemark --features forgetful
cargo build --package integration-tests --bin soak
TIDEMARK_BIN=$(target_dir)/simulation/tidemark exec "$(target_dir)/debug/soak" "$@"
