#!/usr/bin/env bash
# Takes out each rule that keeps what was acknowledged, and prints who notices. What follows goes to the program:
# --traces tells how, names of rules ask for those only.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

# The test binaries of the broker, with the switches: as cargo names them.
test_binary() {
    cargo test --profile simulation --package tidemark --features mutants --no-run "$@" 2>&1 | sed --quiet 's/.*(\(.*\))$/\1/p' | tail --lines=1
}

echo "building; the first time takes ten minutes" >&2
stories=$(test_binary --test scenarios)
units=$(test_binary --lib)
if [ ! -x "$stories" ] || [ ! -x "$units" ]; then die "the test binaries of the broker were not built"; fi
cargo build --profile simulation --package simulation --bins
"$(target_dir)/simulation/mutants" --stories "$stories" --units "$units" \
    --world "$(target_dir)/simulation/world" "$@"
