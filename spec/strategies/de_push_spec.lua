-- The spec that comes with scripts/strategies/de_push.lua: copy it next to yours.

local kit = require 'moonbid.kit'

describe('de_push', function()
  local bidder
  before_each(function()
    bidder = kit.load {
      scripts = 'scripts', only = { 'de_push' }, now = '2026-03-02T09:00:00Z', seed = 7,
      geo = { ['192.0.2.10'] = 'DE', ['192.0.2.11'] = 'AT', ['192.0.2.12'] = 'CH', ['192.0.2.13'] = 'FR', ['192.0.2.14'] = 'PL' },
    }
  end)

  local function push(fields)
    fields = fields or {}
    fields.ip = fields.ip or '192.0.2.10'
    fields.tokens = fields.tokens or { zone_id = '778899', src_hostname = 'pub.example' }
    return kit.exoclick.push(fields)
  end

  it('pays by the click in four countries, a little less than a click is worth there', function()
    for ip, worth in pairs { ['192.0.2.10'] = 0.42, ['192.0.2.11'] = 0.38, ['192.0.2.12'] = 0.55, ['192.0.2.13'] = 0.30 } do
      local answer = bidder:bid(push { ip = ip })
      assert.bids(answer, { model = 'cpc' })
      local price = answer.bids[1].price
      assert.is_true(price <= worth and price >= worth * 0.9 - 0.001, ip .. ' ' .. price)
    end
  end)

  it('stays out of other countries, of banners and of listed zones', function()
    assert.nobids(bidder:bid(push { ip = '192.0.2.14' }), 'target')
    assert.nobids(bidder:bid(kit.exoclick.banner { ip = '192.0.2.10' }), 'target')
    local bad = assert(io.open 'scripts/lists/bad-zones.txt'):read '*l'
    assert.nobids(bidder:bid(push { tokens = { zone_id = bad } }), 'target')
  end)

  it('leaves casinos alone', function()
    assert.nobids(bidder:bid(push { keyword = 'best casino' }), 'keyword')
  end)

  it('sends the icon of the size that was asked for', function()
    for size, icon in pairs { ['192x192'] = 'i192', ['720x480'] = 'i720' } do
      assert.matches('https://cdn.example/' .. icon .. '.png', bidder:bid(push { size = size }).http.body, 1, true)
    end
    assert.nobids(bidder:bid(push { size = '100x100' }), 'target')
  end)

  it('tells the landing page zone, site and price', function()
    local answer = bidder:bid(push { tokens = { zone_id = '778899', src_hostname = 'a b&c' } })
    local url = answer.bids[1].click_url
    assert.matches('src=a%20b%26c&zone=778899&p=' .. answer.bids[1].price, url, 1, true)
    assert.matches('src=unknown', bidder:bid(push { tokens = { zone_id = '1' } }).bids[1].click_url, 1, true)
  end)

  it('stops when the day is spent, and goes on tomorrow', function()
    bidder:spend('de_push', 250)
    assert.nobids(bidder:bid(push()), 'budget')
    bidder:advance '24h'
    assert.bids(bidder:bid(push()))
  end)

  it('stops for the rest of an hour that cost too much', function()
    bidder:spend('de_push', 100)
    assert.nobids(bidder:bid(push()), 'hourly')
    bidder:advance '1h'
    assert.bids(bidder:bid(push()))
  end)

  it('books the price of the bid once, however often the notice comes', function()
    local answer = bidder:bid(push())
    for _ = 1, 3 do bidder:notice(answer, 'billing') end
    assert.equals(answer.bids[1].price, bidder:spent 'de_push')
  end)
end)
