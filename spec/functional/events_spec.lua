-- Events as an exchange may send them: again, late, after a restart, with another price, without what books them.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

local STRATEGIES = { ['a.lua'] = [[return strategy { name = 'a',
  bid = function(ctx, req) return { price = 2, creative_id = '12345', member_id = req.exchange == 'xandr' and '6' or nil,
    markup = '<b>x</b>', advertiser_domains = { 'a.example' } } end }]] }

local OPENRTB = [[{"id":"r1","imp":[{"id":"1","banner":{"w":300,"h":250}}],
  "site":{"domain":"s.example"},"device":{"ip":"192.0.2.1"}}]]

describe('events', function()
  local server
  local xandr_request = Server.shared_data 'xandr-samples/bid-request.bid_request.1.json'

  before_each(function() server = Server.start { strategies = STRATEGIES } end)
  after_each(function() server:finish() end)

  local function restart()
    server:finish 'keep'
    server.port = nil
    server:spawn()
  end

  local function status() return dkjson.decode(server:admin('GET', '/status').body) end

  local function recorded()
    local events = {}
    for line in server:ledger():gmatch '[^\n]+' do events[#events + 1] = dkjson.decode(line) end
    return events
  end

  local function xandr_bid(auction)
    local asked = xandr_request:gsub('"auction_id_64": %d+', '"auction_id_64": ' .. auction)
    return assert(server:post('/xandr/bid', asked).body:match '"custom_notify_data":"([^"]+)"')
  end

  it('without a token are recorded once, also where a restart has forgotten their bid', function()
    xandr_bid '7000000000000000001'
    local notify = [[{"notify_request":{"timestamp":"%s","tags":[{"id":13,"auction_id_64":7000000000000000001,
      "notify_type":"%s"}],"responses":[{"result":"ok"}]}}]]
    local calls = {}
    for _, kind in ipairs { 'pending', 'lost', 'error', 'kept', 'sold', 'default', 'no-bid' } do
      calls[#calls + 1] = { '/xandr/notify', notify:format('2026-03-02 09:00:00', kind) }
    end
    calls[#calls + 1] = { '/xandr/click', [[{"click_request":{"timestamp":"2026-03-02 09:00:05","member_id":6,
      "auction_id_64":7000000000000000001,"user_id_64":1}}]] }
    local function send_all()
      for _, call in ipairs(calls) do assert.equal(200, server:post(call[1], call[2]).status) end
    end
    send_all()
    send_all()
    restart()
    send_all()
    local events = recorded()
    assert.equal(#calls, #events)
    for _, event in ipairs(events) do assert.equal('a', event.strategy, event.type) end
    assert.equal(#calls, status().totals.duplicates)
    -- an hour later auction ids come again: another time is another event
    assert.equal(200, server:post('/xandr/notify', notify:format('2026-03-02 10:00:01', 'lost')).status)
    assert.equal(#calls + 1, #recorded())
  end)

  it('that book do so once, told with their token or without', function()
    local token = xandr_bid '7000000000000000002'
    local notify = [[{"notify_request":{"timestamp":"2026-03-02 09:00:00","tags":[{"id":13,"auction_id_64":7000000000000000002,
      "notify_type":"%s","price_paid":1.5%s}]}}]]
    local with_token = (',"custom_notify_data":"%s"'):format(token)
    for _, kind in ipairs { 'lost', 'won', 'lost', 'won', 'pending' } do
      assert.equal(200, server:post('/xandr/notify', notify:format(kind, '')).status)
      assert.equal(200, server:post('/xandr/notify', notify:format(kind, with_token)).status)
    end
    restart()
    assert.equal(200, server:post('/xandr/notify', notify:format('won', with_token)).status)
    assert.equal(1500000, status().strategies[1].spend_nanos)
    local wins = 0
    for _, event in ipairs(recorded()) do wins = wins + (event.type == 'win' and 1 or 0) end
    assert.equal(1, wins)
  end)

  it('that come again with another price change nothing, and are counted apart', function()
    local url = dkjson.decode(server:post('/openrtb/bid', OPENRTB).body).seatbid[1].bid[1].burl
    local path = url:match '^https?://[^/]+(/n/[^?]+)'
    for _, price in ipairs { '1.25', '1.25', '1.5', 'AUDIT', '9' } do
      assert.equal(200, server:get(path .. '?c=USD&p=' .. price).status)
    end
    local totals = status().totals
    assert.same({ 4, 2 }, { totals.duplicates, totals.repriced })
    assert.matches('\nmoonbid_odd_prices_total{kind="repriced"} 2\n', server:admin('GET', '/metrics').body, 1, true)
    assert.equal(1250000, status().strategies[1].spend_nanos)
  end)
end)
