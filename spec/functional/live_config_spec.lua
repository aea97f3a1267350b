-- A reload takes the config with the scripts: keys that are live show in what happens next, others keep their values.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

local KEY_A, KEY_B = ('aa'):rep(16), ('bb'):rep(16)

local function banner(price)
  return ([[return strategy { name = 'banner', target = { format = { 'banner' } },
    bid = function(ctx, req)
      log.debug('asked')
      if req.tokens and req.tokens.zone_id == 'left' then return { nobid = 'by_token' } end
      return { price = %s, image_url = 'https://cdn.example/b.png',
               click_url = 'https://go.example/?left=' .. ctx.time_left() }
    end }]]):format(price)
end

describe('a config that changes', function()
  local server
  local request = Server.shared_data 'exoclick-samples/banner-300x250.json'

  local function start(config)
    server = Server.start { config = 'workers = 2,' .. (config or ''), strategies = { ['banner.lua'] = banner(0.5) } }
  end
  after_each(function() server:finish() end)

  local function status() return dkjson.decode(server:admin('GET', '/status').body) end

  -- The config with these lines beside what it started with; the answer of the reload.
  local function change(config)
    server:config('workers = 2,' .. config)
    return dkjson.decode(server:admin('POST', '/reload').body)
  end

  local function bid() return server:post('/exoclick/bid', request) end

  local function notice()
    local answer = bid()
    assert.equal(200, answer.status, answer.body)
    return dkjson.decode(answer.body).bid.bUrl:match '/n/.*'
  end

  -- On connections of their own, so that each worker gets some.
  local function always(check)
    for _ = 1, 12 do check() end
  end

  local function endpoint(more)
    return ("endpoints = { { name = 'exoclick', path = '/exoclick/bid', exchange = 'exoclick', currency = 'USD', %s } },")
      :format(more or '')
  end

  it('signs with a new key while old notices hold, and forgets a key that is dropped', function()
    start()
    local old = notice()
    local said = change(("notice_keys = { '%s', '00112233445566778899aabbccddeeff' },"):format(KEY_A))
    assert.equal('loaded', said.outcome)
    assert.same({ 'notice_keys' }, said.config_changed)
    local new = notice()
    always(function() assert.equal(200, server:get(old).status) end)
    assert.equal(200, server:get(new).status)
    change(("notice_keys = { '%s' },"):format(KEY_A))
    always(function() assert.equal(404, server:get(old).status) end)
    assert.equal(200, server:get(new).status)
    change(("notice_keys = { '%s' },"):format(KEY_B))
    always(function() assert.equal(404, server:get(new).status) end)
    assert.is_nil(server:log():find(KEY_A, 1, true))
  end)

  it('reads key files again', function()
    start "notice_keys = { 'file:key' },"
    local old = notice()
    Server.write_file(server.folder .. '/key', KEY_A .. '\n')
    assert.same({ 'notice_keys' }, change("notice_keys = { 'file:key' },").config_changed)
    assert.equal(404, server:get(old).status)
    assert.equal(200, server:get(notice()).status)
  end)

  it('lets callers in and out', function()
    start(endpoint "allow = { '127.0.0.0/8' },")
    assert.equal(200, bid().status)
    assert.same({ 'endpoints.exoclick.allow' }, change(endpoint "allow = { '192.0.2.0/24' },").config_changed)
    always(function() assert.equal(403, bid().status) end)
    change(endpoint())
    always(function() assert.equal(200, bid().status) end)
  end)

  it('believes other proxies', function()
    start(endpoint "allow = { '192.0.2.0/24' },")
    local function forwarded()
      return server:request('POST', '/exoclick/bid', request, nil, 'X-Forwarded-For: 192.0.2.9\r\n').status
    end
    assert.equal(403, forwarded())
    change(endpoint "allow = { '192.0.2.0/24' }," .. "trusted_proxies = { '127.0.0.0/8' },")
    always(function() assert.equal(200, forwarded()) end)
  end)

  it('gives strategies another time, and other names of parameters', function()
    start(endpoint 'timeout_ms = 9000, margin_ms = 1000,')
    -- The click's landing page stands in its URL, as it is: what was left of the time when it was asked.
    local function left() return tonumber((bid().body:match 'left[=%%3D]+(%d+)')) end
    local function asked(query) return server:post('/exoclick/bid?' .. query, request).status end
    assert.equal(200, asked 'z=left')
    assert.is_true(left() <= 8000)
    assert.same({ 'endpoints.exoclick.tokens', 'endpoints.exoclick.timeout_ms', 'endpoints.exoclick.margin_ms' },
      change(endpoint "timeout_ms = 60000, margin_ms = 100, tokens = { z = 'zone_id' },").config_changed)
    always(function() assert.equal(204, asked 'z=left') end)
    local request_says = dkjson.decode(request).tmax
    assert.is_true(request_says ~= nil or left() > 50000)
  end)

  it('takes bodies of another size, on open connections too', function()
    start()
    local connection = server:connect()
    local long = request .. (' '):rep(3000 - #request)
    assert.equal(200, server:post('/exoclick/bid', long, connection).status)
    assert.same({ 'limits.body_bytes' }, change('limits = { body_bytes = 2000 },').config_changed)
    always(function() assert.equal(413, server:post('/exoclick/bid', long).status) end)
    assert.equal(413, server:post('/exoclick/bid', long, connection).status)
    connection:close()
  end)

  it('closes idle connections earlier, also those that are open', function()
    start()
    local connection = server:connect()
    assert.equal(200, server:post('/exoclick/bid', request, connection).status)
    change "limits = { idle = '100ms' },"
    connection:settimeout(50)
    local _, problem = connection:receive(1)
    assert.equal('closed', problem)
  end)

  it('logs more or less, in all processes', function()
    start()
    assert.equal(200, bid().status)
    assert.is_nil(server:log():match ' debug ')
    change "log_level = 'debug',"
    assert.equal(200, bid().status)
    Server.poll('a line of the strategy', 5, function() return server:log():match ' debug [^\n]*asked' end)
    change "log_level = 'error',"
    local length = #server:log()
    server:signal 'USR2'
    assert.equal(200, bid().status)
    assert.equal(length, #server:log())
  end)

  it('bids at other rates, gives out other URLs, asks for another token', function()
    start "rates = { EUR = 2 },"
    server:strategy('banner.lua', banner "0.5, currency = 'EUR'")
    change "rates = { EUR = 2 },"
    assert.equal(1, dkjson.decode(bid().body).bid.value)
    assert.same({ 'admin_token', 'rates', 'notice_url' },
      change("rates = { EUR = 4 }, notice_url = 'http://127.0.0.1:9', admin_token = 'x',").config_changed)
    assert.equal(401, server:admin('GET', '/status').status)
    always(function()
      local answer = dkjson.decode(bid().body).bid
      assert.equal(2, answer.value)
      assert.matches('^http://127.0.0.1:9/n/', answer.bUrl)
    end)
  end)

  it('books at the rate that was in force when the bid was made, and keeps it with the event', function()
    local function at(rate)
      return endpoint "currency = 'EUR'," .. ('rates = { EUR = %s },'):format(rate)
    end
    start(at '2')
    server:strategy('banner.lua', banner '0.5')
    change(at '2')
    local before = notice()
    change(at '4')
    for _, url in ipairs { before, notice() } do assert.equal(200, server:get(url).status) end
    local rates = {}
    for line in server:ledger():gmatch '[^\n]+' do
      local event = dkjson.decode(line)
      rates[#rates + 1] = { event.price_bid_micros, event.rate_millionths }
    end
    assert.same({ { 500000, 2000000 }, { 500000, 4000000 } }, rates)
  end)

  it('stops scripts after another time', function()
    start()
    server:strategy('banner.lua', [[return strategy { name = 'banner', bid = function()
      for i = 1, 2e7 do local _ = i end
      return { price = 0.5, image_url = 'https://cdn.example/b.png', click_url = 'https://go.example/' } end }]])
    server:expect_error 'strategy=banner'
    change 'script = { cpu_ms = 1 },'
    assert.equal(204, bid().status)
    change(endpoint 'timeout_ms = 60000,' .. 'script = { cpu_ms = 1000, hard_ms = 20000 },')
    assert.equal(200, bid().status)
  end)

  it('keeps what needs a restart, says so, and takes the rest', function()
    start()
    server:strategy('banner.lua', banner(0.75))
    local said = change "timezone = 'Europe/Berlin', data = 'elsewhere', limits = { body_bytes = 2000 },"
    assert.equal('loaded', said.outcome)
    assert.same({ 'limits.body_bytes' }, said.config_changed)
    assert.same({ 'data', 'timezone' }, said.needs_restart)
    assert.matches('warn process config keys need a restart, their values before stay keys=data,timezone', server:log(), 1, true)
    assert.equal(0.75, dkjson.decode(bid().body).bid.value)
    assert.same({ 'data', 'timezone' }, status().config.needs_restart)
    server:config "workers = 3, admin = '127.0.0.1:1',"
    local output, code = Server.run(('reload --admin 127.0.0.1:%d --config moonbid.conf.lua'):format(server.admin_port),
      server.folder)
    assert.equal(0, code, output)
    assert.matches('config: limits.body_bytes changed\nconfig: admin, workers kept as before: needs a restart\nloaded: ',
      output, 1, true)
    assert.equal(2, #status().workers)
    server:config 'workers = 2,'
    assert.equal('unchanged', dkjson.decode(server:admin('POST', '/reload').body).outcome)
    assert.same({}, status().config.needs_restart)
  end)

  it('is refused with file and key, scripts and all', function()
    start()
    server:expect_error 'moonbid.conf.lua'
    server:strategy('banner.lua', banner(0.75))
    for _, row in ipairs {
      { 'limits = { body_bytes = 1 },', 'moonbid.conf.lua: limits.body_bytes: expected a whole number' },
      { 'nonsense = 1,', 'moonbid.conf.lua: nonsense: unknown key' },
      { 'limits = {,', 'moonbid.conf.lua:' },
      { "geoip = 'no-such-file',", 'no-such-file' },
      { "notice_keys = { 'xyz' },", 'moonbid.conf.lua: notice_keys: ' },
    } do
      local said = change(row[1])
      assert.equal('refused', said.outcome)
      assert.matches(row[2], said.error, 1, true)
      assert.matches(row[2], status().last_reload.error, 1, true)
      always(function() assert.equal(0.5, dkjson.decode(bid().body).bid.value) end)
    end
    change ''
    assert.equal(0.75, dkjson.decode(bid().body).bid.value)
  end)

  it('goes with the scripts or not at all', function()
    start()
    server:expect_error 'strategies/banner.lua'
    server:strategy('banner.lua', 'return strategy {')
    assert.equal('refused', change('limits = { body_bytes = 1100 },').outcome)
    always(function() assert.equal(200, bid().status) end)
  end)

  it('is what a worker that starts later starts with', function()
    start()
    change(("notice_keys = { '%s' }, limits = { body_bytes = 3000 },"):format(KEY_A))
    local signed, version = notice(), status().config.version
    server:config 'workers = 2, limits = { body_bytes = 1100 },' -- edited, but not reloaded
    local before = server:workers()
    for _, worker in ipairs(before) do os.execute('kill -KILL ' .. worker.pid) end
    Server.poll('both are replaced', 10, function()
      local ok, now = pcall(server.workers, server)
      if not ok then return false end
      for i, worker in ipairs(now) do
        if worker.state ~= 'serving' or worker.pid == before[i].pid then return false end
      end
      return true
    end)
    always(function() assert.equal(200, server:get(signed).status) end)
    always(function() assert.equal(413, server:post('/exoclick/bid', request .. (' '):rep(3000)).status) end)
    for _, worker in ipairs(server:workers()) do assert.equal(version, worker.config) end
  end)
end)
