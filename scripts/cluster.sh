#!/usr/bin/env bash
# One etcd and N brokers on this machine, in the background. Broker i listens on port + i - 1. Several clusters can run
# side by side: each has its own data directory, which also holds its pid files, its logs and its ports.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage="usage: scripts/cluster.sh up|down|status [--data-dir DIR] [--brokers N] [--http-port P] [--kafka-port P] [--etcd-port P]"

ready_wait_s=60 # from a start to /readyz of all
stop_wait_s=20  # from SIGTERM to SIGKILL

command=${1:-}
[ $# -eq 0 ] || shift
case $command in
up | down | status) ;;
-h | --help | help) say "$usage" && exit 0 ;;
*) die "say what to do: up, down or status" "$usage" ;;
esac

data_dir=$root/.data/main
brokers='' http_port='' kafka_port='' etcd_port=''
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || die "option '$1' needs a value" "$usage"
    case $1 in
    --data-dir) data_dir=$2 ;;
    --brokers) brokers=$2 ;;
    --http-port) http_port=$2 ;;
    --kafka-port) kafka_port=$2 ;;
    --etcd-port) etcd_port=$2 ;;
    *) die "unknown option '$1'" "$usage" ;;
    esac
    shift 2
done

# A cluster remembers its ports, so that `down`, `status` and a second `up` need only its data directory.
settings=$data_dir/cluster.env
remembered() {
    [ -r "$settings" ] || return 0
    sed --quiet "s/^$1=//p" "$settings"
}
pick() { # NAME GIVEN DEFAULT
    local value=${2:-$(remembered "$1")}
    value=${value:-$3}
    [[ $value =~ ^[1-9][0-9]*$ ]] || die "--${1//_/-} must be a number above 0, not '$value'"
    [ "$value" -le 65535 ] || die "--${1//_/-} is too large: $value"
    printf '%s' "$value"
}
brokers=$(pick brokers "$brokers" 3)
http_port=$(pick http_port "$http_port" 8082)
kafka_port=$(pick kafka_port "$kafka_port" 9092)
etcd_port=$(pick etcd_port "$etcd_port" 2379)

pid_file() { printf '%s/run/%s.pid' "$data_dir" "$1"; }
log_file() { printf '%s/log/%s.log' "$data_dir" "$1"; }
names() {
    printf 'etcd\n'
    local i
    for ((i = 1; i <= brokers; i++)); do printf 'broker-%d\n' "$i"; done
}

# NAME -> "what port" lines
ports_of() {
    if [ "$1" = etcd ]; then
        printf 'etcd-port %d\netcd-peer-port %d\n' "$etcd_port" "$((etcd_port + 1))"
    else
        local i=${1#broker-}
        printf 'http-port %d\nkafka-port %d\n' "$((http_port + i - 1))" "$((kafka_port + i - 1))"
    fi
}

url_of() { printf 'http://127.0.0.1:%d' "$((http_port - 1 + ${1#broker-}))"; }

is_ready() {
    local url=http://127.0.0.1:$etcd_port/health
    if [ "$1" != etcd ]; then url=$(url_of "$1")/readyz; fi
    curl --silent --fail --max-time 2 --output /dev/null "$url"
}

check_ports() {
    local name what port seen=' '
    for name in $(names); do
        while read -r what port; do
            [ "$port" -le 65535 ] || die "the ports of $name do not fit below 65536"
            case $seen in *" $port "*) die "two listeners would share port $port" \
                "give --http-port, --kafka-port and --etcd-port room: $brokers brokers, 2 ports for etcd" ;; esac
            seen="$seen$port "
            live_pid "$(pid_file "$name")" >/dev/null && continue
            if port_answers "$port"; then
                die "port $port, wanted by $name, is taken by $(port_owner "$port")" \
                    "stop that process, or give this cluster another --${what/etcd-peer/etcd}"
            fi
        done < <(ports_of "$name")
    done
}

# NAME COMMAND... : starts it apart from this terminal, with its pid in a file and its output in a log.
launch() {
    local name=$1
    shift
    setsid "$@" >>"$(log_file "$name")" 2>&1 </dev/null &
    write_pid_file "$(pid_file "$name")" "$!"
}

start_etcd() {
    local client=http://127.0.0.1:$etcd_port peer=http://127.0.0.1:$((etcd_port + 1))
    case $(uname --machine) in aarch64 | arm64) export ETCD_UNSUPPORTED_ARCH=arm64 ;; esac
    launch etcd etcd --name tidemark --data-dir "$data_dir/etcd" --log-level warn \
        --listen-client-urls "$client" --advertise-client-urls "$client" \
        --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "tidemark=$peer" \
        --auto-compaction-mode periodic --auto-compaction-retention 1h
}

start_broker() {
    local i=${1#broker-}
    launch "$1" "$(tidemark_bin)" broker --id "$i" --etcd "http://127.0.0.1:$etcd_port" --data-dir "$data_dir/$1" \
        --http-listen "127.0.0.1:$((http_port + i - 1))" --kafka-listen "127.0.0.1:$((kafka_port + i - 1))"
}

wait_ready() {
    local name deadline=$((SECONDS + ready_wait_s))
    for name in "$@"; do
        until is_ready "$name"; do
            if ! live_pid "$(pid_file "$name")" >/dev/null; then
                tail --lines=15 "$(log_file "$name")" >&2
                die "$name has stopped; its last lines stand above, all of them in $(log_file "$name")"
            fi
            if [ $SECONDS -ge $deadline ]; then
                tail --lines=15 "$(log_file "$name")" >&2
                die "$name is not ready after $ready_wait_s s; its last lines stand above" \
                    "look further: scripts/cluster.sh status --data-dir '$data_dir'"
            fi
            sleep 0.1
        done
    done
}

up() {
    local tool name
    for tool in etcd curl setsid; do
        have "$tool" || die "$tool is not installed" "run: scripts/install-tools.sh"
    done
    [ -x "$(tidemark_bin)" ] || die "no program at $(tidemark_bin)" "build it: make build"
    mkdir --parents "$data_dir"
    data_dir=$(cd "$data_dir" && pwd)
    mkdir --parents "$data_dir/run" "$data_dir/log"
    check_ports
    printf 'brokers=%s\nhttp_port=%s\nkafka_port=%s\netcd_port=%s\n' \
        "$brokers" "$http_port" "$kafka_port" "$etcd_port" >"$settings"
    for name in $(names); do
        if live_pid "$(pid_file "$name")" >/dev/null; then continue; fi
        if [ "$name" = etcd ]; then start_etcd && wait_ready etcd; else start_broker "$name"; fi
    done
    # shellcheck disable=SC2046 # the names hold no spaces
    wait_ready $(names)
    say "$brokers brokers ready: http://127.0.0.1:$http_port and up, etcd on port $etcd_port, data in $data_dir"
}

# Sends SIGTERM to all of them at once, waits, and kills what does not go.
stop_all() {
    local name pid deadline=$((SECONDS + stop_wait_s))
    for name in "$@"; do
        if pid=$(live_pid "$(pid_file "$name")"); then kill -TERM "$pid" 2>/dev/null || true; fi
    done
    for name in "$@"; do
        while pid=$(live_pid "$(pid_file "$name")"); do
            if [ $SECONDS -ge $deadline ]; then
                say "$name (pid $pid) did not stop within $stop_wait_s s: killing it"
                kill -KILL "$pid" 2>/dev/null || true
                deadline=$((SECONDS + 5))
            fi
            sleep 0.05
        done
        rm --force "$(pid_file "$name")"
    done
}

# Also finds what an earlier `up` with more brokers left running.
running() {
    local file
    for file in "$data_dir"/run/*.pid; do
        [ -e "$file" ] || continue
        live_pid "$file" >/dev/null && basename "$file" .pid
    done
    return 0
}

down() {
    local all
    all=$(running)
    if [ -z "$all" ]; then
        say "nothing is running in $data_dir"
        return
    fi
    # shellcheck disable=SC2046 # the names hold no spaces
    stop_all $(grep --invert-match etcd <<<"$all" || true)
    stop_all etcd
    say "stopped; the data stays in $data_dir"
}

status() {
    local name pid state ports worst=0
    printf '%-10s %-9s %-8s %s\n' process state pid ports
    for name in $(names); do
        pid=$(live_pid "$(pid_file "$name")") || pid=-
        state=ready
        if [ "$pid" = - ]; then state=stopped; elif ! is_ready "$name"; then state="not ready"; fi
        [ "$state" = ready ] || worst=1
        ports=$(ports_of "$name" | tr ' \n' '= ')
        printf '%-10s %-9s %-8s %s\n' "$name" "$state" "$pid" "$ports"
        if [ "$state" = "not ready" ] && [ "$name" != etcd ]; then
            printf '           %s\n' "$(curl --silent --max-time 2 "$(url_of "$name")/readyz" || true)"
        fi
    done
    return "$worst"
}

"$command"
