#!/usr/bin/env bash
# All checks that need no running broker: form, lints, documentation, tidiness, the shell scripts.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

scripts/install-tools.sh
cargo fmt --all --check
cargo clippy --workspace --all-targets --quiet -- --deny warnings
RUSTDOCFLAGS='--deny warnings' cargo doc --workspace --no-deps --quiet
cargo test --package tidemark --test tidy --quiet
for script in scripts/*.sh .ci/run; do bash -n "$script"; done
if have shellcheck; then shellcheck --external-sources scripts/*.sh .ci/run; fi
say "checks passed"
