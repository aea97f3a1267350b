-- A strategy's own notice URLs: fetched once after the event is durable, tried again, never where they must not go.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'
local socket = require 'socket'

-- A strategy for OpenRTB and ExoClick whose URLs lead to `base`.
local function strategies(base)
  return { ['a.lua'] = ([[
    local base = '%s'
    return strategy { name = 'a', bid = function(ctx, req)
      return { price = 2, markup = '<b>x</b>', image_url = 'https://c.example/i', click_url = 'https://c.example/',
        data = 'x y', creative_id = 'c1', advertiser_domains = { 'a.example' },
        win_url = base .. '/w?p=${AUCTION_PRICE}&d={data}&b={bid_id}',
        billing_url = base .. '/b?p=${AUCTION_PRICE}&c=${AUCTION_CURRENCY}',
        loss_url = base .. '/l?r=${AUCTION_LOSS}&p=${AUCTION_PRICE}&x=${UNHEARD_OF}' }
    end }]]):format(base) }
end

local OPENRTB = [[{"id":"r1","imp":[{"id":"1","banner":{"w":300,"h":250}}],
  "site":{"domain":"s.example"},"device":{"ip":"192.0.2.1"}}]]

-- The trader's server: what it was asked for so far, and what it answers next.
local function target()
  local self = { asked = {}, answers = {}, silent = false, held = {} }
  self.socket = assert(socket.bind('127.0.0.1', 0))
  self.socket:settimeout(0)
  self.base = ('http://127.0.0.1:%d'):format(select(2, self.socket:getsockname()))
  function self.serve()
    local client = self.socket:accept()
    if not client then return end
    client:settimeout(2)
    local line = client:receive '*l'
    repeat local header = client:receive '*l' until not header or header == ''
    self.asked[#self.asked + 1] = line and line:match '^GET (%S+)' or '?'
    if self.silent then
      self.held[#self.held + 1] = client
      return
    end
    local answer = table.remove(self.answers, 1) or '200 OK'
    client:send(('HTTP/1.1 %s\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'):format(answer))
    client:close()
  end
  function self.close()
    for _, client in ipairs(self.held) do client:close() end
    self.socket:close()
  end
  return self
end

describe('own notice URLs', function()
  local server, trader

  before_each(function() trader = target() end)
  after_each(function()
    if server then server:finish() end
    trader.close()
    server = nil
  end)

  local function start(config, base)
    server = Server.start { strategies = strategies(base or trader.base),
      config = config or "fetch = { allow = { '127.0.0.0/8' }, retry = '50ms', timeout = '500ms' }," }
  end

  local function bid()
    return dkjson.decode(server:post('/openrtb/bid', OPENRTB).body).seatbid[1].bid[1]
  end

  -- As the exchange calls it: macros filled.
  local function tell(url, values)
    local path = url:match '^https?://[^/]+(/.*)$':gsub('%${([A-Z_]+)}', values or {})
    return server:get(path).status
  end

  local function counts() return dkjson.decode(server:admin('GET', '/status').body).fetches end

  local function wait_for(what, check)
    Server.poll(what, 20, function()
      trader.serve()
      return check(counts())
    end)
  end

  it('are fetched once each, with their macros filled, and not again for a repeat', function()
    start()
    local found = bid()
    local paid = { AUCTION_PRICE = '1.25', AUCTION_CURRENCY = 'USD', AUCTION_LOSS = '102' }
    for _ = 1, 2 do
      assert.equal(200, tell(found.nurl, paid))
      assert.equal(200, tell(found.burl, paid))
      assert.equal(200, tell(found.lurl, paid))
    end
    wait_for('three were delivered', function(n) return n.delivered == 3 end)
    table.sort(trader.asked)
    assert.same({ '/b?p=1.25&c=USD', '/l?r=102&p=&x=' }, { trader.asked[1], trader.asked[2] })
    assert.matches('^/w%?p=1%.25&d=x%%20y&b=[%w_-]+$', trader.asked[3])
    assert.equal(3, #trader.asked)
    assert.matches('moonbid_fetches_total{outcome="delivered"} 3', server:admin('GET', '/metrics').body, 1, true)
  end)

  it("say the bid's price where none was told", function()
    start()
    assert.equal(200, tell(bid().burl, { AUCTION_PRICE = 'AUDIT' }))
    wait_for('it was delivered', function(n) return n.delivered == 1 end)
    assert.same({ '/b?p=2&c=USD' }, trader.asked)
  end)

  it("travel in ExoClick's notice URL too", function()
    start()
    local answer = server:post('/exoclick/bid', Server.shared_data 'exoclick-samples/banner-300x250.json')
    assert.equal(200, tell(dkjson.decode(answer.body).bid.bUrl))
    wait_for('it was delivered', function(n) return n.delivered == 1 end)
    assert.same({ '/b?p=2&c=USD' }, trader.asked)
  end)

  it('are tried again after 500, and not after 404', function()
    start()
    trader.answers = { '500 Ill', '503 Ill' }
    assert.equal(200, tell(bid().burl))
    wait_for('the third try was good', function(n) return n.delivered == 1 end)
    assert.equal(2, counts().retries)
    trader.answers = { '404 Not Found' }
    assert.equal(200, tell(bid().burl))
    wait_for('it was rejected', function(n) return n.rejected == 1 end)
    assert.equal(4, #trader.asked)
  end)

  it('are given up after four tries of a host that says nothing, and cost no notice meanwhile', function()
    start "fetch = { allow = { '127.0.0.0/8' }, retry = '10ms', timeout = '100ms' },"
    trader.silent = true
    for _ = 1, 20 do assert.equal(200, tell(bid().burl)) end
    wait_for('all have failed', function(n) return n.failed == 20 end)
    assert.equal(60, counts().retries)
  end)

  it('are limited in number', function()
    start "fetch = { allow = { '127.0.0.0/8' }, retry = '1h', timeout = '1h' },"
    trader.silent = true
    for _ = 1, 1010 do assert.equal(200, tell(bid().burl)) end
    wait_for('ten found no room', function(n) return n.overflow == 10 end)
  end)

  it('never lead to an address that is not public, by whatever name or redirect', function()
    local bases = { trader.base, 'http://169.254.169.254', 'http://10.0.0.1' }
    for _, host in ipairs { 'localhost', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1', '0' } do
      bases[#bases + 1] = (trader.base:gsub('127%.0%.0%.1', host))
    end
    for _, base in ipairs(bases) do
      start("fetch = { retry = '10ms' },", base)
      assert.equal(200, tell(bid().burl))
      wait_for(base .. ' was refused', function(n) return n.refused == 1 end)
      server:finish()
    end
    start "fetch = { allow = { '127.0.0.0/8' }, retry = '10ms' },"
    trader.answers = { '302 Found\r\nLocation: http://10.0.0.1/' }
    assert.equal(200, tell(bid().burl))
    wait_for('the redirect was refused', function(n) return n.refused == 1 end)
    assert.same({ '/b?p=2&c=USD' }, trader.asked)
  end)

  it('survive a restart between bid and notice, and are not believed once altered', function()
    start()
    local found = bid()
    server:finish 'keep'
    server.port = nil
    server:spawn()
    assert.equal(200, tell((found.nurl:gsub('u=http', 'u=xttp'))))
    assert.equal(200, tell(found.burl))
    wait_for('one was delivered', function(n) return n.delivered == 1 end)
    assert.same({ '/b?p=2&c=USD' }, trader.asked)
    assert.equal(1, dkjson.decode(server:admin('GET', '/status').body).totals.forged)
  end)

  it('are fetched at most once: a worker that is killed takes along what it held', function()
    start "fetch = { allow = { '127.0.0.0/8' }, retry = '10ms', timeout = '30s' }, workers = 1,"
    trader.silent = true
    local found = bid()
    assert.equal(200, tell(found.burl))
    wait_for('it was asked', function() return #trader.asked == 1 end)
    local pid = server:workers()[1].pid
    os.execute(('kill -KILL %d'):format(pid))
    trader.silent = false
    Server.poll('another worker serves', 20, function()
      local ok, status = pcall(tell, found.burl)
      return ok and status == 200
    end)
    assert.equal(200, tell(bid().burl))
    wait_for('the next one was delivered', function(n) return n.delivered == 1 end)
    assert.equal(2, #trader.asked)
  end)

  it('that are none, or too long, are an invalid bid', function()
    for _, base in ipairs { 'ftp://t.example', '', 'https://t.example/' .. ('x'):rep(1000) } do
      start(nil, base)
      assert.equal(204, server:post('/openrtb/bid', OPENRTB).status)
      assert.matches('invalid_bid', server:admin('GET', '/status').body, 1, true)
      server:finish()
      server = nil
    end
  end)
end)
