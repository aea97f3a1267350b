-- Money through kills: whatever dies, and whenever, an acknowledged notice is in the ledger once, and spend is its sum.
--
-- MOONBID_KILL_ROUNDS (30) says how often something is killed: MOONBID_KILL_ROUNDS=200 is what a release is tried with.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

local ROUNDS = tonumber(os.getenv 'MOONBID_KILL_ROUNDS' or '30')
local NOTICES = 20 -- a round

describe('kills', function()
  local server
  local request = Server.shared_data 'exoclick-samples/banner-300x250.json'

  before_each(function()
    server = Server.start { config = 'workers = 2,', strategies = { ['a.lua'] = [[return strategy { name = 'a',
      bid = function(ctx) return { price = ctx.random(1, 5000000) / 1000000, image_url = 'https://c.example/i',
        click_url = 'https://c.example/' } end }]] } }
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
  local function bid()
    local ok, answer = pcall(server.post, server, '/exoclick/bid', request)
    if not ok or answer.status ~= 200 then return nil end
    local found = dkjson.decode(answer.body).bid
    return { path = found.bUrl:match '^https?://[^/]+(/.*)$', nanos = math.floor(found.value * 1e6 + 0.5) }
  end

  local function tell(notice)
    local ok, answer = pcall(server.get, server, notice.path)
    return ok and answer.status == 200
  end

  it(('of %d processes lose no acknowledged notice and count none twice'):format(ROUNDS), function()
    math.randomseed(11)
    local open, told, sum = {}, 0, 0
    for _ = 1, ROUNDS do
      local moment = math.random(NOTICES)
      for i = 1, NOTICES do
        local notice = bid()
        if notice then open[#open + 1] = notice end
        if i == moment then victims[math.random(#victims)]() end
        -- What was not acknowledged is sent again, as an exchange would; some are sent although they were.
        for k = #open, 1, -1 do
          if tell(open[k]) then
            if math.random(10) == 1 then tell(open[k]) end
            told, sum = told + 1, sum + open[k].nanos
            table.remove(open, k)
          end
        end
      end
    end
    Server.poll('the last are acknowledged', 20, function()
      for k = #open, 1, -1 do
        if tell(open[k]) then
          told, sum = told + 1, sum + open[k].nanos
          table.remove(open, k)
        end
      end
      return #open == 0
    end)
    local booked, events
    Server.poll('spools are taken over', 20, function()
      booked, events = 0, 0
      for line in server:ledger():gmatch '[^\n]+' do
        local event = dkjson.decode(line)
        booked, events = booked + event.cost_nanos, events + 1
      end
      return events >= told
    end)
    assert.same({ told, sum }, { events, booked })
    Server.poll('the guard knows', 10, function()
      local row = dkjson.decode(server:admin('GET', '/status').body).strategies[1]
      return row.spend_nanos == sum
    end)
  end)
end)
