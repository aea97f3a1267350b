# recordings.sh - the tables of recordings: what deciding one again costs, and what making it does. Sourced after servers.sh.

RECORDED_A_SECOND=8000 # few enough that none is dropped

# kind, scripts, request that varies; `mixed` is what the simulated exchange sends
recordings() {
    cat <<TABLE
mixed          $EXAMPLES
openrtb_bid    bench  openrtb_bid.json
openrtb_10imps bench  openrtb_10imps.json
TABLE
}

# list_of BODY: requests like it, of many visitors, as `client list` wants them.
list_of() {
    luajit bench/traffic.lua vary "bench/requests/$1" /openrtb/bid 3000
}

send_mixed() {
    taskset -c "$client_core" "$BUILD/moonbid-exchange" --target "127.0.0.1:$(cat "$WORK/recorder.port")" --seconds 0 \
        --requests "$requests" --rate "$RECORDED_A_SECOND" --connections 32 >"$WORK/exchange.log" 2>&1 9>&- ||
        fail "the exchange found something wrong, see $WORK/exchange.log"
}

send_list() {
    client list "$(cat "$WORK/recorder.port")" "$1" "$(echo "$requests" | awk -v a=$RECORDED_A_SECOND '{ print $1 / a }')" \
        32 "$(cat "$WORK/recorder.pid")" "$RECORDED_A_SECOND" || fail "see $WORK/recorder.log"
}

# record KIND SCRIPTS [BODY]: makes the recording in $WORK/KIND.data, and $WORK/KIND.list of its requests.
record() {
    rm -rf "$WORK/recorder.data" "$WORK/$1.data"
    start_bidder recorder --scripts "$2" --set recorder.rate=1 --set rates.EUR=1.08
    answer recorder /openrtb/bid openrtb_bid.json >/dev/null
    if [ "$1" = mixed ]; then
        send_mixed
    else
        list_of "$3" >"$WORK/$1.list"
        send_list "$WORK/$1.list"
    fi
    stop recorder
    mv "$WORK/recorder.data" "$WORK/$1.data"
    [ "$1" != mixed ] || luajit bench/traffic.lua recorded "$WORK/mixed.data/recordings" >"$WORK/mixed.list"
}

# replay SCRIPTS RECORDING: requests, microseconds, microseconds of CPU, KiB of memory go to $WORK/figures. Fails where a
# decision is not as recorded.
replay() {
    taskset -c "$server_core,$client_core" "$CLIENT" spend "$BUILD/moonbid" replay --config "$CONFIG" \
        --set rates.EUR=1.08 --scripts "$1" --threads 2 "$2" >"$WORK/spent" 2>"$WORK/replay.log" 9>&- ||
        fail "not decided as recorded, see $WORK/replay.log"
    echo "$(sed -n 's/^\([0-9]*\) requests.*/\1/p' "$WORK/replay.log") $(cat "$WORK/spent")" >"$WORK/figures"
}

replay_round() {
    while read -r kind scripts rest <&3; do
        client list "$(cat "$WORK/live_$kind.port")" "$WORK/$kind.list" "$seconds" "$connections" \
            "$(cat "$WORK/live_$kind.pid")" || fail "see $WORK/live_$kind.log"
        note replay "$kind" live "$(cat "$WORK/figures")"
        replay "$scripts" "$WORK/$kind.data/recordings"
        note replay "$kind" replay "$(cat "$WORK/figures")"
    done 3<<TABLE
$(recordings)
TABLE
}

# The same recording, ten times in one file.
replay_large() {
    for part in 1 2 3 4 5 6 7 8 9 10; do
        cat "$WORK/$1.data/recordings/"*.gz
    done >"$WORK/$1.large.gz"
    replay "$2" "$WORK/$1.large.gz"
    note replay "$1" large "$(cat "$WORK/figures")"
    rm -f "$WORK/$1.large.gz"
}

table_replay() {
    stop_all
    requests=${requests:-40000}
    while read -r kind scripts rest <&4; do
        record "$kind" "$scripts" $rest
        rm -rf "$WORK/live_$kind.data"
        start_bidder "live_$kind" --scripts "$scripts" --set rates.EUR=1.08
    done 4<<TABLE
$(recordings)
TABLE
    round=0
    while [ "$round" -lt "${rounds:-7}" ]; do
        round=$((round + 1))
        replay_round
    done
    while read -r kind scripts rest <&4; do
        replay_large "$kind" "$scripts"
    done 4<<TABLE
$(recordings)
TABLE
}

# The strategies of bench/, and one of them once more as a shadow.
make_shadow() {
    make_scripts "$WORK/shadow" 1
    sed "s/name = 'banner_de'/name = 'candidate', shadow = true/" bench/strategies/banner_de.lua \
        >"$WORK/shadow/strategies/candidate.lua"
}

start_all() {
    rm -rf "$WORK/off.data" "$WORK/recorder.data" "$WORK/shadow.data"
    start_bidder off --scripts bench --set recorder.rate=0
    start_bidder recorder --scripts bench
    start_bidder shadow --scripts "$WORK/shadow" --set recorder.rate=0 --set shadow.rate=0.1
    for server in off recorder shadow; do
        answers "$server" 200 /openrtb/bid openrtb_bid.json || fail "no bid from $server"
    done
}

# All three at the same time, on the one core: what is looked for is a hundredth, and from second to second the machine
# differs by more.
load_all() {
    for server in off recorder shadow; do
        taskset -c "$client_core" "$CLIENT" list "$(cat "$WORK/$server.port")" "$WORK/openrtb_bid.list" "$seconds" \
            "$connections" "$(cat "$WORK/$server.pid")" >"$WORK/$server.figures" 9>&- &
        echo $! >"$WORK/client_$server.pid"
    done
    for server in off recorder shadow; do
        wait "$(cat "$WORK/client_$server.pid")" || fail "see $WORK/$server.log"
        rm -f "$WORK/client_$server.pid"
        note recorder openrtb_bid "$server" "$(cat "$WORK/$server.figures")"
    done
}

# Each round has processes of its own: where the memory of one lies in the caches is worth a hundredth, too.
table_recorder() {
    make_shadow
    list_of openrtb_bid.json >"$WORK/openrtb_bid.list"
    round=0
    while [ "$round" -lt "${rounds:-31}" ]; do
        round=$((round + 1))
        stop_all
        start_all
        load_all
    done
}
