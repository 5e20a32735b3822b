#!/usr/bin/env bash
# Searches the model within larger bounds than the tests do, then walks it at random: scripts/model.sh [STEPS]
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

cargo build --profile simulation --package simulation --bin model
model=$(target_dir)/simulation/model
"$model" larger
"$model" walk steps="${1:-300000000}"
