# common.sh - what the benchmarks share: servers on one core, the client on another. Sourced by them.
#
# Everything is kept in $WORK; a server's port and process id are in files of its name.

BUILD=${BENCH_BUILD:-build/release}
WORK=${BENCH_WORK:-build/bench}
CLIENT=$BUILD/bench/client
server_core=
client_core=
incomplete=0
first=
group_before=

fail() {
    echo "bench: $*" >&2
    exit 1
}

# pick_cores [SERVER,CLIENT]: the machine's last two, unless told.
pick_cores() {
    cores=$(nproc)
    [ "$cores" -ge 2 ] || fail "needs two cores: one for the servers, one for the client"
    server_core=${1%,*} client_core=${1#*,}
    : "${server_core:=$((cores - 1))}" "${client_core:=$((cores - 2))}"
}

# come_first: this session before what else runs on the machine, till the end; root's alone. `nice` by itself orders
# processes within a session where the system groups them by session.
come_first() {
    renice -n -15 -p $$ >/dev/null || fail "--first is root's"
    [ -w /proc/self/autogroup ] || return 0
    group_before=$(sed 's/.*nice //' /proc/self/autogroup)
    echo -15 >/proc/self/autogroup
}

# set_up SERVERS: one benchmark at a time; whatever happens the servers end.
set_up() {
    all_servers=$1
    for command in taskset flock luajit; do
        command -v "$command" >/dev/null || fail "needs $command"
    done
    mkdir -p "$WORK"
    exec 9>"$WORK/lock"
    flock -n 9 || fail "another benchmark is running in $WORK"
    rm -f "$WORK"/*.pid "$WORK/results" "$WORK/latencies"
    CONFIG=bench/bidder.conf.lua EXAMPLES=scripts
    if [ ! -f build/geo/country.mmdb ]; then # a test: ./dev bench fetches it. The examples are refused without
        CONFIG=$WORK/bidder.conf.lua EXAMPLES=bench
        grep -v geoip bench/bidder.conf.lua >"$CONFIG"
    fi
    trap end_all EXIT
    trap 'exit 130' INT TERM
    [ -z "$first" ] || come_first
}

# start SERVER COMMAND...: in the background on the servers' core.
start() {
    started=$1
    shift
    taskset -c "$server_core" "$@" 2>"$WORK/$started.log" 9>&- &
    echo $! >"$WORK/$started.pid"
}

stop() {
    [ -f "$WORK/$1.pid" ] || return 0
    pid=$(cat "$WORK/$1.pid")
    rm -f "$WORK/$1.pid"
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}

end_all() {
    stop_all
    [ -z "$group_before" ] || echo "$group_before" >/proc/self/autogroup
}

stop_all() {
    for running in client $all_servers; do
        stop "$running"
    done
}

# start_bidder SERVER [OPTION...]: a bidder of that name, with the data folder $WORK/SERVER.data.
start_bidder() {
    started=$1
    shift
    "$CLIENT" port >"$WORK/$started.port"
    "$CLIENT" port >"$WORK/$started.admin"
    mkdir -p "$WORK/$started.data"
    start "$started" "$BUILD/moonbid" serve --config "$CONFIG" --data "$WORK/$started.data" \
        --set "notice_keys=[\"file:$WORK/notice.key\"]" --listen "127.0.0.1:$(cat "$WORK/$started.port")" \
        --admin "127.0.0.1:$(cat "$WORK/$started.admin")" "$@"
}

# answer SERVER PATH BODY: the raw answer; waits until the server listens.
answer() {
    "$CLIENT" answer "$(cat "$WORK/$1.port")" "$2" "bench/requests/$3"
}

# client ARGUMENTS...: its figures go to $WORK/figures. It runs in the background only because a shell takes no signal
# while it waits for a program.
client() {
    taskset -c "$client_core" "$CLIENT" "$@" >"$WORK/figures" 9>&- &
    echo $! >"$WORK/client.pid"
    wait $! || return 1
    rm -f "$WORK/client.pid"
}
