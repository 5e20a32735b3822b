#!/usr/bin/env bash
# All checks that need no running broker: form, lints, documentation, tidiness, the shell scripts.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

shell_scripts() {
    local script
    for script in scripts/*.sh .ci/run; do bash -n "$script"; done
    if have shellcheck; then shellcheck --external-sources scripts/*.sh .ci/run; fi
}

# The simulation and the fuzzer apart: they build the broker with the switches of the tests.
lints() {
    cargo clippy --all-targets --quiet -- --deny warnings
    cargo clippy --package simulation --package fuzz --all-targets --quiet -- --deny warnings
}

scripts/install-tools.sh
step "format" cargo fmt --all --check
step "lints (clippy)" lints
step "documentation (rustdoc)" env RUSTDOCFLAGS='--deny warnings' cargo doc --no-deps --quiet
step "tidiness (floors, pure files, pages)" cargo test --package tidemark --test tidy --quiet
step "shell scripts" shell_scripts
say "checks passed in $SECONDS s"
