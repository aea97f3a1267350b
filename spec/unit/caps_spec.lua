-- Limits by a key and budgets that strategies share, as a trader meets them.

local kit = require 'moonbid.kit'

describe('limits that count by a key', function()
  local folder

  local function write(name, text)
    local file = assert(io.open(folder .. '/' .. name, 'w'))
    file:write(text)
    file:close()
  end

  before_each(function()
    folder = io.popen('mktemp -d'):read '*l'
    os.execute('mkdir ' .. folder .. '/strategies')
  end)
  after_each(function() os.execute('rm -r ' .. folder) end)

  -- A bidder with strategies { name = limits }, each bidding 2.00 CPM on banners.
  local function load(limits, budgets)
    local parts = {}
    for name, text in pairs(limits) do
      parts[#parts + 1] = ([[strategy { name = '%s', limits = { %s }, bid = function()
        return { price = 2, image_url = 'https://c.example/i', click_url = 'https://c.example/' } end }]]):format(name, text)
    end
    write('strategies/all.lua', 'return { ' .. table.concat(parts, ', ') .. ' }')
    if budgets then write('budgets.lua', 'return ' .. budgets) end
    return kit.load { scripts = folder, now = '2026-03-02T09:00:00Z' }
  end

  local function banner(user, zone)
    return kit.exoclick.banner { user_id = user, tokens = { zone_id = zone or '1' } }
  end

  -- One more impression that was paid.
  local function shown(bidder, user, zone)
    local answer = bidder:bid(banner(user, zone))
    assert.bids(answer)
    bidder:notice(answer, 'billing')
  end

  it('caps what one user sees, within a window that slides', function()
    local bidder = load { a = "frequency = { count = 2, per = '24h', key = { 'user' } }" }
    shown(bidder, 'ann')
    bidder:advance '12h'
    shown(bidder, 'ann')
    assert.nobids(bidder:bid(banner 'ann'), 'frequency')
    assert.bids(bidder:bid(banner 'bob'))
    bidder:advance '11h'
    assert.nobids(bidder:bid(banner 'ann'), 'frequency')
    bidder:advance '5h'
    assert.bids(bidder:bid(banner 'ann'))
  end)

  it('does not count an impression twice', function()
    local bidder = load { a = "frequency = { count = 2, per = '24h', key = { 'user' } }" }
    local answer = bidder:bid(banner 'ann')
    for _ = 1, 3 do bidder:notice(answer, 'billing') end
    assert.bids(bidder:bid(banner 'ann'))
  end)

  it('bids on unknown users unless told otherwise', function()
    local unknown = kit.exoclick.banner { user_id = '0' }
    local cap = "frequency = { count = 1, per = '1h', key = { 'user' }, missing = '%s' }"
    assert.bids(load({ a = cap:format 'bid' }):bid(unknown))
    assert.nobids(load({ a = cap:format 'nobid' }):bid(unknown), 'frequency')
  end)

  it('joins keys', function()
    local bidder = load { a = "frequency = { count = 1, per = '1h', key = { 'user', 'zone' } }" }
    shown(bidder, 'ann', '1')
    assert.nobids(bidder:bid(banner('ann', '1')), 'frequency')
    assert.bids(bidder:bid(banner('ann', '2')))
  end)

  it('stops spending on one zone only', function()
    local bidder = load { a = "per = { key = 'zone', total = 0.004 }" }
    shown(bidder, 'ann', '1')
    shown(bidder, 'bob', '1')
    assert.nobids(bidder:bid(banner('eve', '1')), 'budget')
    assert.bids(bidder:bid(banner('eve', '2')))
  end)

  it('shares a budget among strategies', function()
    local bidder = load({ a = "budget = 'acme'", b = "budget = 'acme'" }, "{ acme = { daily = 0.004, reserve = 'full' } }")
    shown(bidder, 'ann')
    shown(bidder, 'ann')
    local answer = bidder:bid(banner 'ann')
    assert.nobids(answer, 'budget', 'a')
    assert.nobids(answer, 'budget', 'b')
    bidder:advance '24h'
    assert.bids(bidder:bid(banner 'ann'))
  end)
end)
