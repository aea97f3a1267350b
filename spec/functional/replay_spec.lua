-- moonbid replay --against: what other scripts would do on recorded traffic, and what that would cost.
--
-- One seed of the simulated exchange, and few requests. MOONBID_SEEDS=10 MOONBID_REPLAYED=30000 compares the estimates of ten seeds
-- with what the changed strategy then really spends.
local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

local SEEDS = tonumber(os.getenv 'MOONBID_SEEDS' or '1')
local REQUESTS = tonumber(os.getenv 'MOONBID_REPLAYED' or '4000')
local EXCHANGE = assert(os.getenv 'MOONBID_EXCHANGE_BIN', 'MOONBID_EXCHANGE_BIN names the simulated exchange')

local function strategy(change)
  local text = [==[
    return strategy {
      name = 'shaded', target = { format = { 'banner' } },
      bid = function(ctx, req, imp)
        local price = 0.3 + 0.5 * ctx.random()
        if req.user.id and req.user.id:byte(-1) % 5 == 0 then return nobid 'user' end
        CHANGE
        return {
          price = price, width = imp.width, height = imp.height, image_url = 'https://cdn.example/b.jpg',
          click_url = 'https://go.example/', creative_id = 'c1', member_id = imp.members and imp.members[1],
          markup = '<a href="https://go.example/"><img src="https://cdn.example/b.jpg"></a>',
        }
      end,
    }
  ]==]
  return { ['a.lua'] = text:gsub('CHANGE', change) }
end

local CONFIG = "workers = 2, rates = { EUR = 1.08 }, recorder = { rate = 1, ids = 'keep', ip = 'keep' },"

local function run(strategies, seed)
  local server = Server.start { strategies = strategies, config = CONFIG }
  assert(os.execute(
    ('"%s" --target 127.0.0.1:%d --seconds 0 --rate 0 --openrtb-xandr "" --seed %d --requests %d >/dev/null 2>&1')
    :format(EXCHANGE, server.port, seed, REQUESTS)))
  server:signal 'TERM'
  assert.equal(0, server:wait_exit(20))
  return server
end

local function other_scripts(server, strategies)
  local folder = server.folder .. '/other'
  os.execute('mkdir -p ' .. folder .. '/strategies')
  for name, text in pairs(strategies) do Server.write_file(folder .. '/strategies/' .. name, text) end
  return folder
end

local function compare(server, folder, form)
  return Server.run(('replay --config %s/moonbid.conf.lua --against %s --format %s')
    :format(server.folder, folder, form or 'json'))
end

local function spent(server)
  local rows = dkjson.decode((Server.run(('report --data %s/data --by strategy --format json'):format(server.folder)))).rows
  return tonumber(rows[1].spend)
end

-- What was recorded, by a reader that shares nothing with ours: price in millionths of each bid that went out.
local function recorded_bids(server)
  local pipe = assert(io.popen('zcat ' .. server.folder .. '/data/recordings/*.gz'))
  local bids = {}
  for line in pipe:lines() do
    local record = dkjson.decode(line)
    for _, did in ipairs(record.did or {}) do
      if not did.no and not did.own then bids[#bids + 1] = did.price end
    end
  end
  pipe:close()
  return bids
end

describe('moonbid replay --against', function()
  local server

  after_each(function() if server then server:finish() end end)

  it('counts what differs as a count over the recording does, in each form', function()
    server = run(strategy '', 1)
    local bids, stops, downs = recorded_bids(server), 0, 0
    for _, price in ipairs(bids) do
      if price < 400000 then stops = stops + 1 end
      if price > 600000 then downs = downs + 1 end
    end
    assert.is_true(stops > 50 and downs > 50)
    local folder = other_scripts(server,
      strategy "if price < 0.4 then return nobid 'cheap' end if price > 0.6 then price = price - 0.05 end")
    local output, status = compare(server, folder)
    assert.equal(1, status, output)
    local result, found = dkjson.decode(output), {}
    for _, row in ipairs(result.changes) do found[row.change .. ':' .. row.reason] = row end
    assert.equal(stops, found['stops bidding:cheap'].count)
    local under = found['stops bidding:below_floor'] or { count = 0 } -- some floors lie just below the price before
    assert.equal(downs, found['price down:'].count + under.count)
    assert.is_true(math.abs(found['price down:'].price_before - found['price down:'].price_after - 0.05) < 1e-6)
    assert.is_nil(found['price up:'])
    local money = result.money[1]
    assert.equal('shaded', money.strategy)
    assert.equal(#bids, money.bids_before)
    assert.equal(#bids - stops - under.count, money.bids_after)
    assert.is_true(math.abs(money.spend_before - spent(server)) < 1e-4)
    assert.is_true(money.spend_after.low < money.spend_after.value and money.spend_after.value < money.spend_after.high)

    assert.truthy(compare(server, folder, 'text'):find('shaded +stops bidding +' .. stops))
    assert.truthy(compare(server, folder, 'csv'):find('change,"shaded",stops bidding,"cheap",' .. stops .. ',', 1, true))
    local page = compare(server, folder, 'html')
    assert.truthy(page:find('^<!doctype html>') and page:find('</html>\n$') and page:find '<svg')
    assert.is_nil(page:find 'src=' or page:find 'href=' or page:find '<script')
  end)

  it('finds nothing where nothing differs, and estimates what was spent', function()
    server = run(strategy '', 2)
    local output, status = compare(server, other_scripts(server, strategy ''))
    local result = dkjson.decode(output)
    assert.equal(0, status, output)
    assert.same({}, result.changes)
    local money = result.money[1]
    assert.is_true(math.abs(money.spend_after.value - money.spend_before) < 1e-3 * money.spend_before)
  end)

  it('says nothing of what neither would send, for the same reason', function()
    local function refused(price)
      return { ['a.lua'] = ([[return strategy { name = 'a', target = { exchange = { 'xandr' } },
        bid = function() return { price = %s, creative_id = 'no number' } end }]]):format(price) }
    end
    server = run(refused '50', 3)
    local output, status = compare(server, other_scripts(server, refused '60'))
    assert.same({ 0, 0, {} }, { status, dkjson.decode(output).differ, dkjson.decode(output).changes })
  end)

  it('estimates what a changed price spends', function()
    local within, close = 0, 0
    for seed = 1, SEEDS do
      local before, changed = run(strategy '', seed), strategy 'price = price * 1.15'
      local money = dkjson.decode((compare(before, other_scripts(before, changed)))).money[1]
      local after = run(changed, seed + 1000)
      local real, estimate = spent(after), money.spend_after
      before:finish()
      after:finish()
      local half = (estimate.high - estimate.low) / 2
      if real >= estimate.low and real <= estimate.high then within = within + 1 end
      if math.abs(real - estimate.value) <= 2 * half then close = close + 1 end -- chance alone passes that once in 10,000
      if REQUESTS >= 20000 then assert.is_true(half <= 0.15 * estimate.value, half / estimate.value) end
    end
    server = nil
    assert.equal(SEEDS, close)
    if SEEDS >= 10 then assert.is_true(within >= 0.9 * SEEDS, within) end
  end)
end)
