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

# configure PART: the bidder's configuration with the recorder at its usual rate, a shadow, or neither.
configure() {
    case $1 in
    recorder) parts='shadow = { rate = 0 }' ;;
    shadow) parts='recorder = { rate = 0 }, shadow = { rate = 0.1 }' ;;
    *) parts='recorder = { rate = 0 }, shadow = { rate = 0 }' ;;
    esac
    sed "s/^  workers = 1,/  workers = 1, $parts,/" "$CONFIG" >"$WORK/parts.conf.lua"
}

# counted METRIC: the sum of its values.
counted() {
    curl -s "http://127.0.0.1:$(cat "$WORK/bidder.admin")/metrics" | awk -v name="$1" '
        { metric = $1; sub(/{.*/, "", metric) }
        metric == name { sum += $2 }
        END { print sum + 0 }'
}

taken() {
    grep -c 'reload outcome=\(loaded\|unchanged\)' "$WORK/bidder.log" || true
}

# Waits until the bidder has taken the configuration; a minute at most.
reload() {
    before=$(taken)
    kill -HUP "$(cat "$WORK/bidder.pid")"
    tries=0
    while [ "$(taken)" -le "$before" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 1200 ] || fail "no reload, see $WORK/bidder.log"
        sleep 0.05
    done
}

# measure PART ROW: some load with it; it must have been at work, and the other must not.
measure() {
    configure "$1"
    reload
    recorded=$(counted moonbid_recorder_requests_total) asked=$(counted moonbid_shadow_asked_total)
    client list "$(cat "$WORK/bidder.port")" "$WORK/openrtb_bid.list" "$seconds" "$connections" \
        "$(cat "$WORK/bidder.pid")" || fail "see $WORK/bidder.log"
    note recorder openrtb_bid "$2" "$(cat "$WORK/figures")"
    worked=
    [ "$(counted moonbid_recorder_requests_total)" -eq "$recorded" ] || worked=recorder
    [ "$(counted moonbid_shadow_asked_total)" -eq "$asked" ] || worked=${worked}shadow
    [ "${worked:-none}" = "$1" ] || fail "at work: ${worked:-none}, but it should have been: $1"
}

# One process, which a reload tells what to do: from process to process the caches alone differ by the hundredth that is
# looked for. Neither comes before and after, so that a machine that grows slower is on both sides.
table_recorder() {
    list_of openrtb_bid.json >"$WORK/openrtb_bid.list"
    make_shadow
    stop_all
    rm -rf "$WORK/bidder.data"
    configure none
    own_config=$CONFIG
    CONFIG=$WORK/parts.conf.lua
    start_bidder bidder --scripts "$WORK/shadow"
    CONFIG=$own_config
    answers bidder 200 /openrtb/bid openrtb_bid.json || fail "no bid"
    round=0
    while [ "$round" -lt "${rounds:-31}" ]; do
        round=$((round + 1))
        measure none before
        measure recorder recorder
        measure shadow shadow
        measure none after
    done
}
