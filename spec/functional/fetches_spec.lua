-- A strategy's own notice URLs: fetched once after the event is durable, tried again, never where they must not go.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'
local socket = require 'socket'

-- A strategy for OpenRTB and ExoClick whose URLs lead to `base`.
local function strategies(base)
  return { ['a.lua'] = ([[
    local base = '%s'
    return strategy { name = 'a',
      tokens = { place = function(ctx) return ('%%d.%%d'):format(ctx.random(255), ctx.random(255)) end },
      bid = function(ctx, req)
      return { price = 2, markup = '<b>x</b>', image_url = 'https://c.example/i', click_url = 'https://c.example/',
        data = 'x y', creative_id = req.exchange == 'xandr' and '12345' or 'c1',
        member_id = req.exchange == 'xandr' and '6' or nil, custom_notify_data = req.exchange == 'xandr' and 'mine' or nil,
        advertiser_domains = { 'a.example' },
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
    client:settimeout(20)
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
      config = config or "fetch = { allow = { '127.0.0.0/8' }, retry = '50ms', timeout = '20s' }," }
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

  it("travel in Xandr's custom_notify_data, beside the strategy's own, and are called for the win", function()
    start()
    local asked = Server.shared_data 'xandr-samples/bid-request.bid_request.1.json'
    local answer = dkjson.decode(server:post('/xandr/bid', asked).body).bid_response.responses[1]
    local notify = dkjson.decode '{"notify_request":{"timestamp":"2026-03-02 09:00:00","tags":[{"notify_type":"won"}]}}'
    local tag = notify.notify_request.tags[1]
    tag.price_paid, tag.custom_notify_data = 1.25, answer.custom_notify_data
    for _ = 1, 2 do assert.equal(200, server:post('/xandr/notify', dkjson.encode(notify)).status) end
    wait_for('it was delivered', function(n) return n.delivered == 1 end)
    assert.equal(1, #trader.asked)
    assert.matches('^/w%?p=1%.25&d=x%%20y&b=[%w_-]+$', trader.asked[1])
    local event
    for line in server:ledger():gmatch '[^\n]+' do
      event = dkjson.decode(line)
      assert.same({ 'win', 'mine', true }, { event.type, event.custom_data, event.attributed })
    end
    assert.is_table(event)
    local click = { click_request = { timestamp = '2026-03-02 09:00:05', auction_id_64 = '7', member_id = 6,
      custom_notify_data = answer.custom_notify_data } }
    click.click_request.auction_id_64 = nil
    assert.equal(200, server:post('/xandr/click', dkjson.encode(click)).status)
    -- an altered address costs the call, and not the win
    answer = dkjson.decode(server:post('/xandr/bid', asked).body).bid_response.responses[1]
    tag.custom_notify_data = answer.custom_notify_data:gsub('/w%?', '/v?')
    assert.equal(200, server:post('/xandr/notify', dkjson.encode(notify)).status)
    local totals = dkjson.decode(server:admin('GET', '/status').body)
    assert.same({ 1, 2500000 }, { totals.totals.forged, totals.strategies[1].spend_nanos })
    assert.equal(1, counts().delivered)
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

  it('are limited in number for a host, so that one that is dead costs no other its calls', function()
    start "fetch = { allow = { '127.0.0.0/8' }, retry = '1h', timeout = '1h' }, workers = 1,"
    trader.silent = true
    for _ = 1, 260 do assert.equal(200, tell(bid().burl)) end
    wait_for('ten found no room', function(n) return n.overflow == 10 end)
    local other = target()
    Server.write_file(server.folder .. '/scripts/strategies/a.lua', strategies(other.base)['a.lua'])
    assert.equal(200, server:admin('POST', '/reload').status)
    assert.equal(200, tell(bid().burl))
    Server.poll('the other host was called', 20, function()
      other.serve()
      return counts().delivered == 1
    end)
    other.close()
  end)

  it('are limited in number for all hosts together', function()
    start("fetch = { allow = { '127.0.0.0/8' }, retry = '1h', timeout = '1h' }, workers = 1,",
      (trader.base:gsub('127%.0%.0%.1', '127.{place}.1')))
    for _ = 1, 1010 do assert.equal(200, tell(bid().burl)) end
    wait_for('the rest found no room', function(n) return n.overflow == 10 end)
  end)

  it('that begin with https are called where the certificate is good, which one of its own making is not', function()
    local folder = os.tmpname()
    os.remove(folder)
    assert.equal(0, os.execute(('mkdir %s && cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 1 '
      .. '-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 2>/dev/null'):format(folder, folder)))
    local free = assert(socket.bind('127.0.0.1', 0))
    local port = select(2, free:getsockname())
    free:close()
    os.execute(('cd %s && openssl s_server -accept 127.0.0.1:%d -key key -cert cert -www >log 2>&1 & echo $! >%s/pid')
      :format(folder, port, folder))
    Server.poll('the other server listens', 20, function()
      local client = socket.connect('127.0.0.1', port)
      return client and client:close()
    end)
    start("fetch = { allow = { '127.0.0.0/8' }, retry = '10ms', timeout = '5s' },", 'https://127.0.0.1:' .. port)
    assert.equal(200, tell(bid().burl))
    wait_for('it has failed', function(n) return n.failed == 1 and n.delivered == 0 end)
    local log = Server.read_file(folder .. '/log')
    assert.matches('unknown ca', log, 1, true)
    os.execute(('kill $(cat %s/pid); rm -rf %s'):format(folder, folder))
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
