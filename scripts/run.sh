#!/usr/bin/env bash
# What `make run` and `make start` do: install what is missing, build a release, start one etcd and three brokers, print
# lines to copy. In the foreground Ctrl-C stops everything; the data stays for the next time. Other options go to cluster.sh.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

background=no
cluster=()
data_dir=$root/.data/main
while [ $# -gt 0 ]; do
    case $1 in
    --background) background=yes && shift ;;
    --data-dir) data_dir=${2:?--data-dir needs a value} && shift 2 ;;
    *) cluster+=("$1" "${2:?"$1 needs a value"}") && shift 2 ;;
    esac
done
cluster+=(--data-dir "$data_dir")

down() { "$root/scripts/cluster.sh" down --data-dir "$data_dir"; }

"$root/scripts/install-tools.sh"
(cd "$root" && cargo build --release --package tidemark)

if [ "$background" = no ]; then
    # Nothing below ends by itself: an exit is a failure. One Ctrl-C stops everything; more of them do not interrupt the stopping.
    stop() { trap '' INT TERM EXIT && printf '\nstopping\n' && down && exit "$1"; }
    trap 'stop 0' INT TERM
    trap 'stop 1' EXIT
fi
"$root/scripts/cluster.sh" up "${cluster[@]}"

setting() { sed --quiet "s/^$1=//p" "$data_dir/cluster.env"; }
http=$(setting http_port) kafka=$(setting kafka_port) etcd=$(setting etcd_port)
last=$((http + $(setting brokers) - 1))
data_dir=$(cd "$data_dir" && pwd)
urls='' may_hurt=''
for ((i = 1; i <= $(setting brokers); i++)); do
    urls="$urls --url http://127.0.0.1:$((http + i - 1))" may_hurt="$may_hurt --may-hurt $i"
done
cat <<END

Try (any broker answers any request):

  curl -X PUT  http://127.0.0.1:$http/v1/topics/hello -H 'Content-Type: application/json' -d '{"partitions":3}'
  curl -X POST http://127.0.0.1:$http/v1/topics/hello/records -H 'Content-Type: text/plain' -H 'Tidemark-Key: k1' -d 'good morning'
  curl -X POST http://127.0.0.1:$http/v1/topics/hello/partitions/0/records -H 'Content-Type: application/x-ndjson' --data-binary \$'{"n":1}\n{"n":2}\n'
  curl "http://127.0.0.1:$last/v1/topics/hello/partitions/0/records?offset=earliest"
  curl -N "http://127.0.0.1:$last/v1/topics/hello/partitions/0/records?offset=earliest" -H 'Accept: text/event-stream'
  curl http://127.0.0.1:$last/v1/cluster
  kcat -b 127.0.0.1:$kafka -L

Kill a leader under load, start it again, and count what is lost:

  $root/target/release/tidemark drill --kill-leader$urls$may_hurt \\
    --kill-with 'kill -9 \$(cut -d" " -f1 $data_dir/run/broker-{broker}.pid)' \\
    --start-with '$root/scripts/cluster.sh up --data-dir $data_dir'

Look into etcd:

  etcdctl --endpoints=http://127.0.0.1:$etcd get --prefix /tidemark/
  etcdctl --endpoints=http://127.0.0.1:$etcd watch --prefix /tidemark/

Logs are in $data_dir/log.
END

if [ "$background" = yes ]; then
    say "Stop with: make stop"
    exit 0
fi
say "Ctrl-C stops everything and keeps the data."
said=''
while sleep 1; do
    gone=''
    for file in "$data_dir"/run/*.pid; do
        live_pid "$file" >/dev/null || gone="$gone $(basename "$file" .pid)"
    done
    if [ "$gone" != "$said" ]; then
        [ -z "$gone" ] || say "not running any more:$gone (logs in $data_dir/log; start it again: make start)"
        said=$gone
    fi
done
