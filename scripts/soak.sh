#!/usr/bin/env bash
# Torture of real processes, for as long as it is told: see the page of integration-tests/src/bin/soak/main.rs. Arguments
# go to it. The broker gets a disk that forgets, and rules that can be taken out: no broker in use has that, so it is
# built apart. Then, for as long again at most, the model of replication within larger bounds than the tests have; it has
# nothing to say where a rule is taken out of real brokers.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

minutes=10 model=yes before=""
for word in "$@"; do
    [ "$before" != --minutes ] || minutes=$word
    [ "$word" != --without ] || model=no
    before=$word
done

scripts/install-tools.sh
cargo build --profile simulation --package tidemark --features forgetful,mutants
cargo build --package integration-tests --bin soak
[ "$model" = no ] || cargo build --profile simulation --package simulation --bin model

failed=0
TIDEMARK_BIN=$(target_dir)/simulation/tidemark "$(target_dir)/debug/soak" "$@" || failed=$?
[ "$failed" -ne 130 ] || exit 130 # Ctrl-C
if [ "$model" = yes ]; then
    say "the model of replication, within larger bounds than the tests have, for $minutes minute(s) at most:"
    "$(target_dir)/simulation/model" larger minutes="$minutes" || failed=1
fi
exit "$failed"
