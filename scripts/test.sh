#!/usr/bin/env bash
# All tests, the ones with real processes included; after the checks, unless --no-checks. What follows `--` goes to the
# test runner, as in: scripts/test.sh --no-checks -- failover
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

checks=yes
while [ $# -gt 0 ]; do
    case $1 in
    --no-checks) checks=no ;;
    --) shift && break ;;
    *) die "unknown option '$1'" "usage: scripts/test.sh [--no-checks] [-- FILTER...]" ;;
    esac
    shift
done

scripts/install-tools.sh --for-tests
if [ "$checks" = yes ]; then scripts/check.sh; fi
step "build the broker" cargo build --package tidemark
if cargo nextest --version >/dev/null 2>&1; then
    step "tests" cargo nextest run --no-fail-fast "$@"
    step "examples in the documentation" cargo test --doc --quiet
else
    step "tests" cargo test --no-fail-fast -- "$@"
fi
step "model and simulation" cargo test --profile simulation --package simulation --no-fail-fast -- "$@"
