-- What the books say: a notice counts once, a forged one never, and nothing acknowledged is lost.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

local STRATEGIES = {
  ['money.lua'] = [[
    return {
      strategy { name = 'banner', target = { exchange = { 'exoclick' } },
        bid = function() return { price = 2.5, image_url = 'https://cdn.example/b.png',
                                  click_url = 'https://go.example/' } end },
      strategy { name = 'xandr', target = { exchange = { 'xandr' } },
        bid = function() return { price = 1.25, creative_id = '12345', member_id = '6' } end },
    }
  ]],
}

describe('the books', function()
  local server
  local banner = Server.shared_data 'exoclick-samples/banner-300x250.json'

  before_each(function() server = Server.start { strategies = STRATEGIES } end)
  after_each(function() server:finish() end)

  -- The path of the billing notice of one more bid.
  local function notice()
    return dkjson.decode(server:post('/exoclick/bid', banner).body).bid.bUrl:match '/n/.*'
  end

  local function strategy(name)
    for _, row in ipairs(dkjson.decode(server:admin('GET', '/status').body).strategies) do
      if row.name == name then return row end
    end
  end

  local function lines()
    local _, count = server:ledger():gsub('\n', '')
    return count
  end

  -- The same folder, a new process.
  local function restart()
    server.port = nil
    server:spawn()
  end

  it('count a notice once, however often it comes', function()
    local path = notice()
    for _ = 1, 3 do assert.equal(200, server:get(path).status) end
    assert.equal(1, lines())
    local row = strategy 'banner'
    assert.same({ '0.0025', 2500000, 2 }, { row.spend.total, row.spend_nanos, row.duplicates })
  end)

  it('know after a restart what open bids may cost', function()
    server:finish()
    server = Server.start { strategies = { ['full.lua'] = [[
      return strategy { name = 'full', target = { exchange = { 'exoclick' } },
        limits = { total = 0.005, reserve = 'full' }, -- two impressions at 2.50
        bid = function() return { price = 2.5, image_url = 'https://cdn.example/b.png',
                                  click_url = 'https://go.example/' } end }]] } }
    local first, second = notice(), notice()
    assert.equal(204, server:post('/exoclick/bid', banner).status)
    for _, path in ipairs { first, second } do
      server:finish 'keep'
      restart()
      assert.equal(204, server:post('/exoclick/bid', banner).status)
      assert.equal(200, server:get(path).status)
    end
    assert.same({ 'full', 5000000, 0 }, { strategy('full').name, strategy('full').spend_nanos, strategy('full').overrun.late })
    assert.equal(204, server:post('/exoclick/bid', banner).status)
  end)

  it('are signed with a key file that is made on first start, and its folder too', function()
    server:finish()
    server = Server.start { strategies = STRATEGIES, config = "notice_keys = { 'file:keys/deep/notice.key' }," }
    local path = notice()
    server:finish 'keep'
    restart()
    assert.equal(200, server:get(path).status)
    assert.equal(1, lines())
  end)

  it('never take a token that was altered, cut or made up', function()
    local path = notice()
    local last = path:sub(-1)
    for _, forged in ipairs {
      path:sub(1, -2) .. (last == 'A' and 'B' or 'A'),
      path:sub(1, 20) .. (path:sub(21, 21) == 'A' and 'B' or 'A') .. path:sub(22),
      path:sub(1, -2), path .. 'A', '/n/', '/n/A', '/n/' .. ('A'):rep(300), path .. '/more',
    } do
      assert.equal(404, server:get(forged).status, forged)
    end
    assert.equal(0, lines())
    assert.equal(0, strategy('banner').spend_nanos)
  end)

  it('book a Xandr win by the token in its notify, at the price paid', function()
    local sample = Server.shared_data 'xandr-samples/bid-request.bid_request.1.json'
    local body = server:post('/xandr/bid', sample).body
    local token = assert(body:match '"custom_notify_data":"([^"]+)"', body)
    local auction = assert(body:match '"auction_id_64":"?(%d+)', body)
    local notify = ([[{"notify_request":{"timestamp":"2026-03-02 09:00:00","tags":[{"id":13,"auction_id_64":%s,
      "notify_type":"won","price_paid":1.0,"custom_notify_data":"%s"}],
      "responses":[{"result":"ok","price_bid":1.25}]}}]]
    ):format(auction, token)
    for _ = 1, 2 do assert.equal(200, server:post('/xandr/notify', notify).status) end
    assert.equal(1000000, strategy('xandr').spend_nanos)
    assert.equal(1, strategy('xandr').wins)
  end)

  it('are kept in one currency: a start with another is refused, and names the file', function()
    assert.equal(200, server:get(notice()).status)
    server:finish 'keep'
    local start = ('serve --config %s/moonbid.conf.lua'):format(server.folder)
    local output, status = Server.run(start .. [[ --set currency=EUR --set 'rates={"USD":0.9}']])
    assert.equal(3, status, output)
    assert.matches(server.folder .. '/data/ledger.db: its sums are in USD', output, 1, true)
    restart()
    assert.equal(2500000, strategy('banner').spend_nanos)
  end)

  it('know spend and duplicates after a restart', function()
    local path = notice()
    assert.equal(200, server:get(path).status)
    server:finish 'keep'
    restart()
    assert.equal(2500000, strategy('banner').spend_nanos)
    assert.equal(200, server:get(path).status)
    assert.equal(1, lines())
    assert.equal(2500000, strategy('banner').spend_nanos)
  end)

  -- As a full disk does it: no file of that process grows beyond so many bytes.
  local function limit(pid, bytes) assert(os.execute(('prlimit --fsize=%s:unlimited --pid %d'):format(bytes, pid))) end

  local function fill(server_)
    limit(server_:bookkeeper(), #Server.read_file(server_.folder .. '/data/ledger.db-wal') + 10)
  end

  -- Makes the ledger longer than the log, which is a file of these processes too.
  local function prepare()
    for _ = 1, 40 do assert.equal(200, server:get(notice()).status) end
    assert.is_true(#Server.read_file(server.folder .. '/data/ledger.db-wal') > 4 * #server:log())
    return 40
  end

  it('answer 200 while the ledger takes nothing, for a spool keeps it until the ledger does', function()
    server:expect_error 'ledger not written'
    local before = prepare()
    fill(server)
    local path = notice()
    for _ = 1, 3 do assert.equal(200, server:get(path).status) end
    assert.matches('"ledger_failing":true', server:admin('GET', '/status').body, 1, true)
    assert.equal(before, lines())
    assert.matches('\nmoonbid_spooled_total 3\n', server:admin('GET', '/metrics').body, 1)
    assert.equal(200, server:post('/exoclick/bid', banner).status)
    limit(server:bookkeeper(), 'unlimited')
    Server.poll('the spooled one is recorded', 3, function() return lines() == before + 1 end)
    Server.poll('its spend too', 1, function() return strategy('banner').spend_nanos == (before + 1) * 2500000 end)
    Server.poll('the ledger is well', 1, function()
      return server:admin('GET', '/status').body:find('"ledger_failing":false', 1, true)
    end)
    local _, said = server:log():gsub('ledger not written', '')
    assert.equal(1, said)
  end)

  it('answer 503 while spool and ledger take nothing, and take the same notice again afterwards', function()
    server:expect_error 'ledger not written'
    server:expect_error 'spool not written'
    local before = prepare()
    local second, third = notice(), notice()
    fill(server)
    limit(server:workers()[1].pid, 1)
    for _ = 1, 2 do
      for _, path in ipairs { second, third } do
        local answer = server:get(path)
        assert.equal(503, answer.status)
        assert.equal('1', answer.headers['retry-after'])
      end
    end
    assert.equal(200, server:post('/exoclick/bid', banner).status)
    assert.matches('"ledger_failing":true', server:admin('GET', '/status').body, 1, true)
    limit(server:bookkeeper(), 'unlimited')
    for _, path in ipairs { second, third, third } do assert.equal(200, server:get(path).status) end
    assert.equal(before + 2, lines())
    assert.equal((before + 2) * 2500000, strategy('banner').spend_nanos)
  end)

  it('have every acknowledged notice after a kill -9', function()
    local acknowledged = 0
    for _ = 1, 5 do
      local connections = {}
      for i = 1, 20 do connections[i] = server:connect() end
      local paths = {}
      for i = 1, #connections do paths[i] = notice() end
      for i, connection in ipairs(connections) do Server.send(connection, 'GET', paths[i]) end
      for i = 1, 10 do -- the others are in flight when the process dies
        local answer = Server.receive(connections[i])
        assert.equal(200, answer.status)
        acknowledged = acknowledged + 1
      end
      server:signal 'KILL'
      for i = 11, #connections do
        local answer = Server.receive(connections[i])
        if answer and answer.status == 200 then acknowledged = acknowledged + 1 end
      end
      server:wait_exit(5)
      restart()
      assert.is_true(lines() >= acknowledged, lines() .. ' of ' .. acknowledged)
      assert.equal(lines() * 2500000, strategy('banner').spend_nanos)
    end
  end)
end)

describe('the server', function()
  it('ends without waiting for the grace when idle, also with open connections', function()
    local server = Server.start { strategies = STRATEGIES, config = "limits = { grace = '10m' }," }
    local connection = server:connect()
    assert.equal(200, server:get('/ready', connection).status)
    server:signal 'TERM'
    assert.equal(0, server:wait_exit())
    assert.is_nil((connection:receive '*l'))
    server:finish()
  end)

  it('answers what is in flight before it ends', function()
    local server = Server.start { strategies = STRATEGIES }
    local banner = Server.shared_data 'exoclick-samples/banner-300x250.json'
    local connections = {}
    for i = 1, 20 do
      connections[i] = server:connect()
      local path = dkjson.decode(server:post('/exoclick/bid', banner, connections[i]).body).bid.bUrl:match '/n/.*'
      Server.send(connections[i], 'GET', path)
    end
    Server.receive(connections[1]) -- so all have arrived, or nearly
    server:signal 'TERM'
    local answered = 1
    for i = 2, #connections do
      local answer = Server.receive(connections[i])
      if answer then
        assert.equal(200, answer.status)
        answered = answered + 1
      end
    end
    assert.equal(0, server:wait_exit())
    local _, recorded = server:ledger():gsub('\n', '')
    assert.is_true(recorded >= answered, recorded .. ' of ' .. answered)
    server:finish()
  end)

  it('refuses a data folder that another one uses', function()
    local server = Server.start { strategies = STRATEGIES }
    local output, status = Server.run('serve --config ' .. server.folder .. '/moonbid.conf.lua')
    assert.equal(3, status)
    assert.matches('another moonbid uses this data folder', output)
    server:finish()
  end)

  it('refuses a port that is taken', function()
    local server = Server.start { strategies = STRATEGIES }
    local output, status = Server.run(('serve --config %s/moonbid.conf.lua --data %s/other --listen 127.0.0.1:%d')
      :format(server.folder, server.folder, server.port))
    assert.equal(3, status)
    assert.matches('127.0.0.1:' .. server.port, output, 1, true)
    server:finish()
  end)

  it('does not start with a broken strategy, and names file and line', function()
    local server = Server.start { strategies = STRATEGIES }
    server:strategy('broken.lua', 'x = = 1')
    local output, status = Server.run(('serve --config %s/moonbid.conf.lua --data %s/other')
      :format(server.folder, server.folder))
    assert.equal(1, status)
    assert.matches('strategies/broken.lua:1', output, 1, true)
    server:finish()
  end)
end)
