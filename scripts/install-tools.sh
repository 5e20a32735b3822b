#!/usr/bin/env bash
# Installs what Tidemark needs and the machine lacks, from the distribution: etcd, etcdctl, protoc, curl, a C compiler;
# with --for-tests also kcat. Rust is not installed, only looked for. Running it again does nothing.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

for_tests=no
while [ $# -gt 0 ]; do
    case $1 in
    --for-tests) for_tests=yes ;;
    *) die "unknown option '$1'" "usage: scripts/install-tools.sh [--for-tests]" ;;
    esac
    shift
done

check_rust() {
    if ! have cargo && [ -x "$HOME/.cargo/bin/cargo" ]; then
        die "cargo is installed in ~/.cargo/bin, which is not in PATH" "run: . \"\$HOME/.cargo/env\""
    fi
    have cargo || die "no Rust toolchain found" \
        "install one: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" \
        "then open a new shell, or run: . \"\$HOME/.cargo/env\""
    local needed found
    needed=$(sed --quiet 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
    found=$(cd "$root" && rustc --version | cut --delimiter=' ' --fields=2)
    if [ "$(printf '%s\n%s\n' "$needed" "$found" | sort --version-sort | head --lines=1)" != "$needed" ]; then
        die "Rust $needed or newer is needed; this is $found" "run: rustup update stable"
    fi
}

# protoc comes without the descriptions that etcd's files import where only the compiler was installed.
protoc_works() {
    have protoc || return 1
    local dir ok=0
    dir=$(mktemp --directory)
    printf 'syntax = "proto3";\nimport "google/protobuf/descriptor.proto";\n' >"$dir/probe.proto"
    protoc --proto_path="$dir" --descriptor_set_out=/dev/null "$dir/probe.proto" >/dev/null 2>&1 || ok=1
    rm --recursive --force "$dir"
    return "$ok"
}

# What a package is for, for whoever sees it being installed.
purpose_of() {
    case $1 in
    etcd-server) printf 'the coordination store of the local cluster and the tests' ;;
    etcd-client) printf 'etcdctl, to look into the store' ;;
    protobuf-compiler | libprotobuf-dev) printf "protoc, to build the client of etcd's protocol" ;;
    curl) printf 'to ask brokers whether they are ready' ;;
    gcc | libc6-dev) printf 'the linker of Rust programs, and C parts of libraries' ;;
    kcat) printf "a Kafka client, for the tests of the Kafka port" ;;
    esac
}

missing_packages() {
    have etcd || printf 'etcd-server '
    have etcdctl || printf 'etcd-client '
    protoc_works || printf 'protobuf-compiler libprotobuf-dev '
    have curl || printf 'curl '
    have cc || printf 'gcc libc6-dev '
    if [ "$for_tests" = yes ]; then have kcat || printf 'kcat '; fi
}

as_root() {
    if [ "$(id --user)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# The package would start an etcd of its own on port 2379, now and at every boot. We want the program, not the service:
# a policy that forbids starting services stands while apt works, and the new service is switched off for later boots.
install_packages() {
    local policy=/usr/sbin/policy-rc.d ours=no status=0 log
    log=$(mktemp)
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
        ours=yes
    fi
    as_root apt-get update --quiet=2 >>"$log" 2>&1 || say "apt-get update failed; trying with the package lists at hand"
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet=2 --no-install-recommends "$@" >>"$log" 2>&1 || status=$?
    [ "$status" = 0 ] || tail --lines=15 "$log" >&2
    rm --force "$log"
    if [ "$ours" = yes ]; then as_root rm --force "$policy"; fi
    [ "$status" = 0 ] || return "$status"
    case " $* " in
    *" etcd-server "*)
        if have systemctl; then as_root systemctl disable --quiet etcd.service 2>/dev/null || true; fi
        ;;
    esac
}

check_rust
read -r -a packages <<<"$(missing_packages)"
if [ ${#packages[@]} -gt 0 ]; then
    by_hand="install them by hand (etcd: https://github.com/etcd-io/etcd/releases), then run this again"
    have apt-get || die "missing: ${packages[*]}, and this machine has no apt-get" "$by_hand"
    [ "$(id --user)" = 0 ] || have sudo || die "missing: ${packages[*]}" \
        "run as root: apt-get install ${packages[*]}"
    say "== install from the distribution:"
    for package in "${packages[@]}"; do say "   $package: $(purpose_of "$package")"; done
    began=$SECONDS
    install_packages "${packages[@]}" || die "could not install ${packages[*]}" \
        "see apt-get's message above; no network, or a package that this distribution lacks" "$by_hand"
    say "   installed: $((SECONDS - began)) s"
fi

still=$(missing_packages)
[ -z "$still" ] || die "still missing after the installation: $still"
