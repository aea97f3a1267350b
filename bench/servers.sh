# servers.sh - what the bidder is compared with, and strategies in any number. Sourced after common.sh.

NGINX_PACKAGES="nginx libnginx-mod-http-lua libnginx-mod-http-ndk lua-resty-core lua-resty-lrucache lua-cjson
  libluajit2-5.1-2 libpcre3 libpcre2-8-0"

# The packaged module wants a LuaJIT of its own, which cannot be installed beside ours: the packages are only unpacked.
unpack_nginx() {
    [ -x "$WORK/nginx/usr/sbin/nginx" ] && return
    mkdir -p "$WORK/packages" "$WORK/nginx"
    (
        cd "$WORK/packages"
        apt-get download -q $NGINX_PACKAGES >download.log 2>&1 || exit 1
        for package in *.deb; do
            dpkg-deb -x "$package" ../nginx || exit 1
        done
    )
}

# Without the packages the rest is measured.
start_nginx() {
    if ! unpack_nginx; then
        echo "bench: the nginx packages could not be had, see $WORK/packages/download.log; going on without" >&2
        incomplete=1
        return 1
    fi
    port=$("$CLIENT" port)
    echo "$port" >"$WORK/nginx.port"
    sed "s|@PORT@|$port|; s|@BENCH@|$PWD/bench|" bench/nginx.conf >"$WORK/nginx/nginx.conf"
    LD_LIBRARY_PATH="$WORK/nginx/usr/lib/x86_64-linux-gnu" \
        start nginx "$WORK/nginx/usr/sbin/nginx" -e stderr -p "$PWD/$WORK/nginx/" -c nginx.conf
}

# start_epoll: it answers with the bytes of $WORK/epoll.answer.
start_epoll() {
    port=$("$CLIENT" port)
    echo "$port" >"$WORK/epoll.port"
    start epoll "$BUILD/bench/epoll" "$port" "$WORK/epoll.answer"
}

# make_scripts FOLDER N: the strategies of bench/, and as many beside them as make N for banners, none of which wants the
# benchmark's request: each has other zones, another country, or shuts the site out.
make_scripts() {
    rm -rf "$1"
    mkdir -p "$1/strategies"
    cp bench/strategies/*.lua "$1/strategies/"
    [ "$2" -gt 1 ] || return 0
    cat >"$1/strategies/many.lua" <<LUA
local function target_of(n)
  local kinds = {
    { country = { 'DE' }, zone = { 'a' .. n, 'b' .. n, 'c' .. n } },
    { country = { ({ 'FR', 'US', 'PL', 'IT', 'ES' })[n % 5 + 1] } },
    { exclude = { domain = { 'pub.example', 'x' .. n .. '.example' } } },
    { country = { 'DE' }, size = { '160x600' }, domain = { 'pub.example', 'y' .. n .. '.example' } },
  }
  local target = kinds[n % #kinds + 1]
  target.exchange, target.format = { 'openrtb' }, { 'banner' }
  return target
end

local all = {}
for n = 1, $2 - 1 do
  all[n] = strategy {
    name = 's' .. n,
    target = target_of(n),
    limits = { max_bid = 5.00, daily = 1e9, total = 1e9 },
    bid = function() return { price = 1, image_url = 'https://cdn.example/i.png', click_url = 'https://go.example/c' } end,
  }
end
return all
LUA
}

# answers SERVER STATUS PATH BODY: does it? If not, says so.
answers() {
    if first=$(answer "$1" "$3" "$4" 2>&1 | head -1) && [ "${first#HTTP/1.1 "$2"}" != "$first" ]; then
        return 0
    fi
    echo "bench: $1 is left out: expected status $2, got: $first" >&2
    tail -3 "$WORK/$1.log" >&2
    return 1
}
