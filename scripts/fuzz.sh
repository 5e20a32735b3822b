#!/usr/bin/env bash
# Any bytes for everything that reads bytes from outside: each target for MINUTES, with libFuzzer.
# A file that breaks something is kept in broker/fuzz/artifacts; move it to broker/fuzz/corpus/TARGET once it is mended,
# and every test run tries it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

targets=(frames batches segments bodies checkpoints histories)
minutes=${MINUTES:-10}
[ $# -eq 0 ] || targets=("$@")

if ! cargo fuzz --version >/dev/null 2>&1; then
    step "install cargo-fuzz" cargo install --locked cargo-fuzz
fi
# Safe Rust needs no address sanitizer: what is looked for are panics, endless loops and runaway memory.
fuzz=(--fuzz-dir broker/fuzz --sanitizer none)
step "build the targets" cargo fuzz build "${fuzz[@]}"
failed=()
for target in "${targets[@]}"; do
    found=$(target_dir)/fuzz-corpus/$target
    mkdir -p "$found"
    step "fuzz $target for $minutes min" cargo fuzz run "${fuzz[@]}" "$target" "$found" "broker/fuzz/corpus/$target" -- \
        -max_total_time=$((minutes * 60)) -timeout=10 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 ||
        failed+=("$target")
done
[ ${#failed[@]} -eq 0 ] || die "these targets found something: ${failed[*]}" "see broker/fuzz/artifacts"
say "nothing found"
