#!/usr/bin/env bash
# The demonstration, on a cluster of its own on free ports with its data in a temporary directory: see the page of
# integration-tests/src/bin/demo.rs. An argument names another text file to send.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$root/scripts/install-tools.sh"
(cd "$root" && cargo build --release --package tidemark --package integration-tests --bins)
exec "$(target_dir)/release/demo" "$@"
