-- Money through kills: whatever dies, and whenever, an acknowledged notice is in the ledger once, and spend is the sum of
-- what books: also with pending, lost and won of a bid in any order.
--
-- MOONBID_KILL_ROUNDS (30) says how often something is killed: MOONBID_KILL_ROUNDS=200 is what a release is tried with.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

local ROUNDS = tonumber(os.getenv 'MOONBID_KILL_ROUNDS' or '30')
local NOTICES = 20 -- a round

describe('kills', function()
  local server
  local request = Server.shared_data 'exoclick-samples/banner-300x250.json'
  local xandr_request = Server.shared_data 'xandr-samples/bid-request.bid_request.1.json'

  before_each(function()
    server = Server.start { config = 'workers = 2,', strategies = { ['a.lua'] = [[return strategy { name = 'a',
      bid = function(ctx) return { price = 1 + ctx.random(1, 5000000) / 1000000, image_url = 'https://c.example/i',
        click_url = 'https://c.example/', creative_id = '12345', member_id = '6' } end }]] } }
  end)
  after_each(function() server:finish() end)

  -- 0 stands for a place that nobody has at the moment.
  local function kill(pid)
    if tonumber(pid or 0) > 1 then os.execute(('kill -KILL %d 2>/dev/null'):format(pid)) end
  end

  local victims = {
    function() kill(server:workers()[math.random(2)].pid) end,
    function() kill(server:bookkeeper()) end,
    function() -- the supervisor, and with it sooner or later all
      kill(server.pid)
      server:wait_exit(5)
      server:spawn()
    end,
    function() -- all at once, as a power cut would
      for _, worker in ipairs(server:workers()) do kill(worker.pid) end
      kill(server:bookkeeper())
      kill(server.pid)
      server:wait_exit(5)
      server:spawn()
    end,
  }

  -- A bid's notice and what it will book, in nano-units: the price in micro-units is a thousandth of the thousand.
  local function exoclick()
    local ok, answer = pcall(server.post, server, '/exoclick/bid', request)
    if not ok or answer.status ~= 200 then return {} end
    local found = dkjson.decode(answer.body).bid
    local path = found.bUrl:match '^https?://[^/]+(/.*)$'
    return { { tell = function() return server:get(path) end, nanos = math.floor(found.value * 1e6 + 0.5) } }
  end

  -- Pending, lost and won of one bid of Xandr's platform; only the won has the token, and it books whatever came before.
  local auctions = 0
  local function xandr()
    auctions = auctions + 1
    local auction = ('7%018d'):format(auctions)
    local asked = xandr_request:gsub('"auction_id_64": %d+', '"auction_id_64": ' .. auction)
    local ok, answer = pcall(server.post, server, '/xandr/bid', asked)
    local token = ok and answer.body:match '"custom_notify_data":"([^"]+)"'
    if not token then return {} end
    local micros = math.random(1000000) -- paid; a bid is above 1
    local more = { pending = '', lost = '', won = (',"price_paid":%.6f,"custom_notify_data":"%s"'):format(micros / 1e6, token) }
    local told = {}
    for kind, fields in pairs(more) do
      local body = ([[{"notify_request":{"timestamp":"2026-03-02 09:00:00","tags":[{"id":13,"auction_id_64":%s,
        "notify_type":"%s"%s}],"responses":[{"result":"ok"}]}}]]):format(auction, kind, fields)
      told[#told + 1] = { nanos = kind == 'won' and micros or 0, name = auction .. ':' .. kind,
                          tell = function() return server:post('/xandr/notify', body) end }
    end
    return told
  end

  local function tell(notice)
    local ok, answer = pcall(notice.tell)
    return ok and answer.status == 200
  end

  -- Every notice that was not acknowledged is sent, in any order, as an exchange would; some are sent although they were.
  local function tell_all(open, told)
    for k = #open, 1, -1 do
      local other = math.random(k)
      open[k], open[other] = open[other], open[k]
      local notice = open[k]
      if tell(notice) then
        if math.random(10) == 1 then tell(notice) end
        told.sum = told.sum + notice.nanos
        told.once = told.once + (notice.nanos > 0 and 1 or 0)
        if notice.nanos == 0 then told.names[notice.name] = true end
        table.remove(open, k)
      end
    end
    return #open == 0
  end

  -- Names that are in `told` and not in the ledger once, how many booked, and the sum.
  local function compare(told)
    local found, booked, sum = {}, 0, 0
    for line in server:ledger():gmatch '[^\n]+' do
      local event = dkjson.decode(line)
      local nanos = event.cost_nanos or 0
      sum, booked = sum + nanos, booked + (nanos > 0 and 1 or 0)
      local kind = event.type == 'loss' and 'lost' or event.type
      local name = ('%s:%s'):format(event.auction_id, kind)
      found[name] = (found[name] or 0) + 1
    end
    local not_once = 0
    for name in pairs(told.names) do not_once = not_once + (found[name] == 1 and 0 or 1) end
    return { not_once, booked, sum }
  end

  it(('of %d processes lose no acknowledged notice and book none twice'):format(ROUNDS), function()
    math.randomseed(11)
    local open, told = {}, { sum = 0, once = 0, names = {} }
    for _ = 1, ROUNDS do
      local moment = math.random(NOTICES)
      for i = 1, NOTICES do
        for _, notice in ipairs(i % 4 == 0 and xandr() or exoclick()) do open[#open + 1] = notice end
        if i == moment then victims[math.random(#victims)]() end
        if math.random(2) == 1 then tell_all(open, told) end
      end
    end
    Server.poll('the last are acknowledged', 20, function() return tell_all(open, told) end)
    local result
    Server.poll('spools are taken over', 20, function()
      result = compare(told)
      return result[1] == 0 and result[2] >= told.once
    end)
    assert.same({ 0, told.once, told.sum }, result)
    Server.poll('the guard knows', 10, function()
      local row = dkjson.decode(server:admin('GET', '/status').body).strategies[1]
      return row.spend_nanos == told.sum
    end)
  end)
end)
