-- Reloads under traffic: a thousand strategies, a new price every second, some of the edits broken, and no request notices.
--
-- MOONBID_LOAD_RELOADS (20) and MOONBID_LOAD_RATE (5000) say how long and how hard: 60 reloads are what a day of editing
-- is measured by, 20 fit into every run of the tests.

local Server = require 'spec.support.server'
local Load = require 'spec.support.load'
local dkjson = require 'dkjson'
local socket = require 'socket'

local SLOWDOWN = tonumber(os.getenv 'MOONBID_SLOWDOWN' or '1')
local RELOADS = tonumber(os.getenv 'MOONBID_LOAD_RELOADS' or (SLOWDOWN > 1 and '10' or '20'))
local STRATEGIES = 1000
local EVERY_SECONDS = 1
local BROKEN_EVERY = 10

-- A machine that others use too is no measure of ours: a p99 counts as doubled only beyond this, is compared with the worse
-- of what it is without reloads before and after them, and has a few tries.
local P99_NOISE_US, QUIET_SECONDS, TRIES = 1000, 4, 3

local function banner(price)
  return ([[return strategy { name = 'banner', target = { format = { 'banner' } },
    bid = function() return { price = %s, image_url = 'https://cdn.example/b.png',
                              click_url = 'https://go.example/' } end }]]
  ):format(price)
end

-- Strategies beside it that are looked at in every request and never called: another country each.
local function others(n)
  local files = {}
  for i = 1, n do
    files[('other-%04d.lua'):format(i)] = ([[return strategy { name = 'other-%d', target = { format = { 'banner' },
      zone = { %d } }, bid = function() return { price = 1 } end }]]):format(i, 900000 + i)
  end
  return files
end

describe('reloads under load', function()
  local server
  local request = Server.shared_data 'exoclick-samples/banner-300x250.json'

  before_each(function()
    local strategies = others(STRATEGIES - 1)
    strategies['banner.lua'] = banner(0.5)
    server = Server.start { strategies = strategies }
  end)
  after_each(function() server:finish() end)

  -- On a connection of its own: any worker may have it.
  local function price() return dkjson.decode(server:post('/exoclick/bid', request).body).bid.value end

  local function refused(round)
    server:strategy('banner.lua', 'return strategy {\n  name = = ' .. round .. '\n}')
    server:reload()
    assert.matches('banner.lua:2', server:log():match '.*reload refused([^\n]*)', 1, true)
    local last = dkjson.decode(server:admin('GET', '/status').body).last_reload
    assert.equal('refused', last.outcome)
    assert.matches('banner.lua:2', last.error, 1, true)
  end

  local function reloads()
    local current, due = 0.5, socket.gettime()
    for round = 1, RELOADS do
      if round % BROKEN_EVERY == 0 then
        refused(round)
      else
        current = 1 + round
        server:strategy('banner.lua', banner(current))
        server:reload()
      end
      for _ = 1, 4 do assert.equal(current, price()) end
      due = due + EVERY_SECONDS
      socket.select(nil, nil, math.max(0, due - socket.gettime()))
    end
  end

  local function measured(act)
    local load = Load.start(server, request)
    act()
    local counts = load:stop()
    assert.equal(0, counts.failed, counts.line)
    assert.equal(counts.sent, counts.s200, counts.line)
    return counts
  end

  it('fail no request, and are felt by hardly one', function()
    server:expect_error 'banner.lua:2'
    local before = measured(function() socket.select(nil, nil, QUIET_SECONDS) end)
    local quiet, busy
    for _ = 1, TRIES do
      busy = measured(reloads)
      local after = measured(function() socket.select(nil, nil, QUIET_SECONDS) end)
      quiet = before.p99_us > after.p99_us and before or after
      if busy.p99_us <= 2 * quiet.p99_us + P99_NOISE_US then break end
      before = after
    end
    print('without: ' .. quiet.line .. '\nwith:    ' .. busy.line)
    assert.is_true(busy.p99_us <= 2 * quiet.p99_us + P99_NOISE_US)
  end)
end)
