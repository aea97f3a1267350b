-- The spec of scripts/strategies/popunder_tokens.lua: what landing pages learn.

local kit = require 'moonbid.kit'

local DESKTOP = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36'

describe('popunder_tokens', function()
  local bidder
  before_each(function()
    bidder = kit.load {
      scripts = 'scripts', only = { 'popunder_tokens' }, now = '2026-03-02T09:00:00Z', geo = { ['192.0.2.1'] = 'DE' },
    }
  end)

  local TOKENS = { zone_id = '42', src_hostname = 'pub.example', tags = 'tea,coffee' }

  it('pays more for a desktop', function()
    assert.bids(bidder:bid(kit.exoclick.popunder { ua = DESKTOP }), { price = 1.10 })
    assert.bids(bidder:bid(kit.exoclick.popunder()), { price = 0.85 })
  end)

  it('fills tokens of the URL, its own and the engine\'s', function()
    local body = bidder:bid(kit.exoclick.popunder { id = 'r-1', tokens = TOKENS }).http.body
    assert.matches('"url":"https://go.example/pop?z=42&h=pub.example&t=tea&d=morning&c=DE&id=r-1"', body, 1, true)
  end)

  it('lets no value of a token change the URL around it', function()
    local tokens = { zone_id = '4&z=5', src_hostname = 'a b#"{tag}', tags = 'grün,x' }
    local body = bidder:bid(kit.exoclick.popunder { id = 'r-1', tokens = tokens }).http.body
    assert.matches('?z=4%26z%3D5&h=a%20b%23%22%7Btag%7D&t=gr%C3%BCn&d=', body, 1, true)
  end)

  it('leaves empty what the exchange did not fill', function()
    local url = bidder:bid(kit.exoclick.popunder { id = 'r-1', tokens = { zone_id = '{zone_id}' } }).bids[1].url
    assert.matches('?z=&h=&t=none&', url, 1, true)
  end)

  it('takes the first tag, or says that there is none', function()
    for tags, expected in pairs { ['tea,coffee'] = 'tea', tea = 'tea', [''] = 'none', [',tea'] = 'none' } do
      local answer = bidder:bid(kit.exoclick.popunder { tokens = { tags = tags } })
      assert.matches('&t=' .. expected .. '&', answer.http.body, 1, true)
    end
  end)

  it('knows the time of day', function()
    for hour, part in pairs {
      ['00:00:00'] = 'night', ['05:59:59'] = 'night', ['06:00:00'] = 'morning', ['11:59:59'] = 'morning',
      ['12:00:00'] = 'day', ['17:59:59'] = 'day', ['18:00:00'] = 'evening', ['23:59:59'] = 'evening',
    } do
      local at = kit.load { scripts = 'scripts', only = { 'popunder_tokens' }, now = '2026-03-02T' .. hour .. 'Z' }
      assert.matches('&d=' .. part .. '&', at:bid(kit.exoclick.popunder()).bids[1].url, 1, true)
    end
  end)

  it('bids on ExoClick\'s OpenRTB as well, in its markup', function()
    local exchange = kit.load { scripts = 'scripts', only = { 'popunder_tokens' }, config = 'moonbid.conf.lua' }
    local answer = exchange:send {
      method = 'POST', path = '/exoclick/openrtb', query = 'zone_id=42&src_hostname=pub.example',
      body = '{"id":"r-1","imp":[{"id":"1","instl":1}],"site":{"domain":"pub.example"}}',
    }
    assert.bids(answer, { price = 0.85 })
    assert.matches('<ad><popunderAd><url><![CDATA[https://go.example/pop?z=42&h=pub.example&', answer.http.body, 1, true)
  end)

  it('pays a floor that is just its price, and nothing above it', function()
    local exchange = kit.load { scripts = 'scripts', only = { 'popunder_tokens' }, config = 'moonbid.conf.lua' }
    local function at(floor)
      return exchange:send { method = 'POST', path = '/exoclick/openrtb', body =
        ('{"id":"r-1","imp":[{"id":"1","instl":1,"bidfloor":%s}],"site":{"domain":"pub.example"}}'):format(floor) }
    end
    assert.bids(at '0.85', { price = 0.85 })
    assert.nobids(at '0.851', 'floor')
  end)

  it('books a popunder at a thousandth of its CPM', function()
    bidder:notice(bidder:bid(kit.exoclick.popunder { ua = DESKTOP }), 'billing')
    assert.equals(0.0011, bidder:spent 'popunder_tokens')
  end)

  it('stops at the daily limit', function()
    bidder:spend('popunder_tokens', 300)
    assert.nobids(bidder:bid(kit.exoclick.popunder()), 'budget')
  end)

  it('takes direct links and no banners', function()
    assert.bids(bidder:bid(kit.exoclick.direct_link()))
    assert.nobids(bidder:bid(kit.exoclick.banner()), 'target')
  end)
end)

describe('email_clicks', function()
  local bidder
  before_each(function() bidder = kit.load { scripts = 'scripts', only = { 'email_clicks' } } end)

  it('takes e-mail clicks alone', function()
    assert.nobids(bidder:bid(kit.exoclick.popunder()), 'target')
  end)

  it('books the price of a click, and stops at the daily limit', function()
    bidder:notice(bidder:bid(kit.exoclick.email_click()), 'billing')
    assert.equals(0.07, bidder:spent 'email_clicks')
    bidder:spend('email_clicks', 49.93)
    assert.nobids(bidder:bid(kit.exoclick.email_click()), 'budget')
  end)

  it('pays a smart price per click and leaves the exchange its macro', function()
    local answer = bidder:bid(kit.exoclick.email_click { tokens = { zone_id = '9' } })
    assert.bids(answer, { model = 'smart_cpc', price = 0.07 })
    assert.matches('https://go.example/mail?el={email_encoded}&z=9', answer.http.body, 1, true)
  end)
end)
