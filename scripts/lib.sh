# shellcheck shell=bash
# Words that the other scripts share; sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*"; }

die() {
    printf 'error: %s\n' "$1" >&2
    shift
    local line
    for line in "$@"; do printf '       %s\n' "$line" >&2; done
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a step of a longer work, saying its name before and its time after: step NAME COMMAND...
step() {
    local name=$1 began=$SECONDS
    shift
    say "== $name"
    "$@"
    say "   $name: $((SECONDS - began)) s"
}

# The folder that cargo builds into.
target_dir() { printf '%s' "${CARGO_TARGET_DIR:-$root/target}"; }

# The broker's program: TIDEMARK_BIN, else the release build.
tidemark_bin() { printf '%s' "${TIDEMARK_BIN:-$(target_dir)/release/tidemark}"; }

# True if something accepts connections on this port of 127.0.0.1.
port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Says who listens on a port, as far as the machine tells.
port_owner() {
    local owner=""
    if have ss; then
        owner=$(ss --no-header --listening --tcp --numeric --processes "sport = :$1" 2>/dev/null |
            sed --quiet --regexp-extended 's/.*users:\(\("([^"]+)",pid=([0-9]+).*/\1, pid \2/p' | head --lines=1)
    fi
    printf '%s' "${owner:-a process of another user}"
}

# A process is known by its pid and the time at which it started, so that a pid used anew is never taken for ours.
start_time() {
    local stat
    [ -r "/proc/$1/stat" ] || return 1
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    stat=${stat##*) }
    # shellcheck disable=SC2086 # the fields are numbers and one letter
    set -- $stat
    [ "$1" != Z ] || return 1
    printf '%s' "${20}"
}

write_pid_file() { printf '%s %s\n' "$2" "$(start_time "$2")" >"$1"; }

# Prints the pid in a pid file if that very process still runs.
live_pid() {
    local pid started
    [ -r "$1" ] || return 1
    read -r pid started <"$1" || return 1
    [ -n "$started" ] && [ "$(start_time "$pid" || true)" = "$started" ] || return 1
    printf '%s' "$pid"
}
