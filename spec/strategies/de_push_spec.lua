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
    for zone in io.lines 'scripts/lists/bad-zones.txt' do
      assert.nobids(bidder:bid(push { tokens = { zone_id = zone } }), 'target')
      assert.bids(bidder:bid(push { tokens = { zone_id = zone .. '1' } }))
    end
    for host, wanted in pairs { ['spam.example'] = false, ['nospam.example'] = true } do
      local answer = bidder:bid(push { tokens = { src_hostname = host } })
      assert.equals(wanted, #answer.bids == 1, host)
    end
    assert.nobids(bidder:bid(push { url = 'https://spam.example/', tokens = { zone_id = '1' } }), 'target')
  end)

  it('leaves casinos alone', function()
    for _, keyword in ipairs { 'casino', 'best casino', 'Casino,Poker', 'CASINO' } do
      assert.nobids(bidder:bid(push { keyword = keyword }), 'keyword')
    end
    assert.bids(bidder:bid(push { keyword = 'casin' }))
  end)

  it('sends the icon of the size that was asked for', function()
    for size, icon in pairs { ['192x192'] = 'i192', ['720x480'] = 'i720' } do
      assert.matches('https://cdn.example/' .. icon .. '.png', bidder:bid(push { size = size }).http.body, 1, true)
    end
    assert.nobids(bidder:bid(push { size = '100x100' }), 'target')
  end)

  it('tells the landing page zone, site and price', function()
    local answer = bidder:bid(push { tokens = { zone_id = '778899', src_hostname = 'a b&c' } })
    assert.matches('"clickUrl":"https://go.example/c?src=a%20b%26c&zone=778899&p=' .. answer.bids[1].price .. '&cv=',
      answer.http.body, 1, true)
    assert.matches('?src=unknown&zone=1&', bidder:bid(push { tokens = { zone_id = '1' } }).http.body, 1, true)
  end)

  it('stops when the day is spent, and goes on tomorrow', function()
    for _ = 1, 3 do -- in parts, as an hour may cost no more than 100
      bidder:spend('de_push', 83)
      assert.bids(bidder:bid(push()))
      bidder:advance '1h'
    end
    bidder:spend('de_push', 1)
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

  it('stops for good when the campaign has had its 10,000', function()
    bidder:spend('de_push', 10000)
    bidder:advance '7d'
    assert.nobids(bidder:bid(push()), 'budget')
  end)

  it('books the price of the bid once in each country, however often the notice comes', function()
    local booked = 0
    for _, ip in ipairs { '192.0.2.10', '192.0.2.11', '192.0.2.12', '192.0.2.13' } do
      local answer = bidder:bid(push { ip = ip })
      for _ = 1, 3 do bidder:notice(answer, 'billing') end
      booked = booked + answer.bids[1].price
      assert.near(booked, bidder:spent 'de_push', 1e-9)
    end
    assert.equals(4, bidder:count('de_push', 'billing'))
  end)
end)
