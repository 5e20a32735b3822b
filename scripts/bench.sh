#!/usr/bin/env bash
# The benchmark, on a cluster of its own: see the page of integration-tests/src/bin/bench/main.rs. Arguments go to it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$root/scripts/install-tools.sh"
(cd "$root" && cargo build --release --package tidemark --package integration-tests --bins)
exec "$(target_dir)/release/bench" "$@"
