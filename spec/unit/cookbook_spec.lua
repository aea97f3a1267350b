-- Every recipe of docs/cookbook.md is a strategy file that loads and does what the page says of it.

local kit = require 'moonbid.kit'
local folders = require 'spec.support.folder'
local names = require 'spec.support.names'

local RECIPES, ORDER = {}, {}
for text, name in names.read 'docs/cookbook.md':gmatch '```lua\n(%-%- ([%l_]+)%.lua\n.-\n)```' do
  RECIPES[name] = text
  ORDER[#ORDER + 1] = name
end

local MONDAY = '2026-03-02T09:00:00Z' -- ten o'clock in Berlin

describe('the cookbook', function()
  local folder
  before_each(function()
    folder = folders.new()
    folder:write('lib/shading.lua', names.read 'scripts/lib/shading.lua')
    folder:write('lists/cpc.csv', '778899,0.42\n778800,0.05\n')
  end)
  after_each(function() folder:remove() end)

  local tried = {}
  local function load(name, now)
    tried[name] = true
    folder:write('strategies/' .. name .. '.lua', RECIPES[name])
    return folder:load { now = now or MONDAY }
  end

  local function banner(fields) return kit.openrtb.banner(fields) end

  it('bids above the floor, up to what it may', function()
    assert.prices(load 'floor', {
      { banner(), price = 0.8 }, { banner { imp = { bidfloor = 1 } }, price = 1.05 },
      { banner { imp = { bidfloor = 1.95 } }, nobid = 'dear' },
    })
  end)

  it('keeps to its hours and follows the clock', function()
    for now, expected in pairs {
      [MONDAY] = 0.6, ['2026-03-02T18:30:00Z'] = 0.9, ['2026-03-02T20:30:00Z'] = 0.72, ['2026-03-02T22:00:00Z'] = 'hours',
      ['2026-03-01T08:30:00Z'] = 'hours',
    } do
      local answer = load('daypart', now):bid(kit.exoclick.popunder())
      if expected == 'hours' then
        assert.nobids(answer, 'hours')
      else
        assert.bids(answer, { price = expected })
      end
    end
  end)

  it('pays less for who was bid for before, and wins a user three times at most', function()
    local bidder = load 'frequency'
    for i = 0, 2 do
      local answer = bidder:bid(kit.exoclick.banner())
      assert.near(0.8 * 0.9 ^ i, answer.bids[1].price, 1e-6)
      bidder:notice(answer, 'billing')
    end
    assert.nobids(bidder:bid(kit.exoclick.banner()), 'frequency')
    assert.nobids(bidder:bid(kit.exoclick.banner { user_id = '' }), 'frequency')
  end)

  it('takes the dearest segment that the user has', function()
    local bidder = load 'retarget'
    local function user(...)
      local segments = {}
      for i, id in ipairs { ... } do segments[i] = { id = id } end
      return banner { user = { id = 'u', data = { { segment = segments } } } }
    end
    assert.prices(bidder, {
      { user 'visitor', price = 0.7 }, { user('visitor', 'cart', 'other'), price = 4 }, { user 'other', nobid = 'target' },
    })
    assert.bids(bidder:bid(user('product', 'visitor')), { data = 'product', price = 1.5 })
  end)

  it('shades, and says what is too dear', function()
    local bidder, shaded = load 'shade', 0
    bidder:market { endpoint = 'openrtb', format = 'banner', size = '300x250', rates = { [0.9] = 0.1, [1] = 0.8, [1.2] = 0.82 } }
    for _ = 1, 40 do
      local answer = bidder:bid(banner { at = 1 })
      local price = answer.bids[1].price
      assert.is_true(price >= 0.6 and price <= 2)
      if price == 1 then shaded = shaded + 1 end
    end
    assert.is_true(shaded > 20) -- one in ten is made elsewhere
    assert.bids(bidder:bid(banner { at = 2, id = 'second' }))
    assert.nobids(bidder:bid(banner { imp = { bidfloor = 2.5 } }), 'dear')
  end)

  it('pays for clicks by zone', function()
    local function push(zone) return kit.exoclick.push { tokens = { zone_id = zone } } end
    assert.prices(load 'push', { { push '778899', price = 0.42 }, { push '778800', price = 0.05 }, { push '1', nobid = 'zone' } })
  end)

  it('shows a user the same arm, and users both', function()
    local bidder, seen = load 'ab', {}
    for i = 1, 20 do
      local request = function() return kit.exoclick.banner { user_id = 'user-number-' .. i } end
      local first, second = bidder:bid(request()).bids[1], bidder:bid(request()).bids[1]
      assert.equal(first.image_url, second.image_url)
      seen[first.image_url] = true
    end
    assert.same({ ['https://cdn.example/red.jpg'] = true, ['https://cdn.example/blue.jpg'] = true }, seen)
  end)

  it('has no recipe that is not tried', function()
    assert.is_true(#ORDER >= 7)
    for _, name in ipairs(ORDER) do assert.is_true(tried[name], name) end
  end)
end)
