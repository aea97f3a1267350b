-- The spec of scripts/strategies/banner_by_site.lua: banners at ExoClick and on OpenRTB, display at Xandr.

local kit = require 'moonbid.kit'
local json = require 'dkjson'

-- An OpenRTB request for one impression to `path`, with `more` of the request's fields.
local function openrtb(path, imp, more)
  local request = { id = '9007199254740993', imp = { imp }, site = { domain = 'news.example' } }
  for key, value in pairs(more or {}) do request[key] = value end
  return { method = 'POST', path = path, body = json.encode(request) }
end

describe('banner_by_site', function()
  local bidder
  before_each(function() bidder = kit.load { scripts = 'scripts', only = { 'banner_by_site' } } end)

  local function banner(url, size)
    return kit.exoclick.banner { url = url, size = size or '300x250' }
  end

  it('pays what a site is worth', function()
    for url, price in pairs {
      ['https://news.example/a'] = 1.80, ['https://pub.example/'] = 1.20, ['https://elsewhere.example/'] = 0.60,
    } do
      assert.bids(bidder:bid(banner(url)), { price = price, model = 'cpm' })
    end
  end)

  it('has a creative for each size, and says so when it has none', function()
    for _, size in ipairs { '300x250', '728x90', '160x600', '900x250', '300x100' } do
      assert.matches(size .. '.jpg', bidder:bid(banner('https://news.example/', size)).http.body, 1, true)
    end
    assert.nobids(bidder:bid(banner('https://news.example/', '468x60')), 'size')
  end)

  it('sends in-page pushes with title and text', function()
    local body = bidder:bid(kit.exoclick.in_page_push { url = 'https://news.example/' }).http.body
    assert.matches('"title":"Hello"', body, 1, true)
    assert.matches('s=news.example', body, 1, true)
  end)

  it('answers in XML where the exchange asks for it', function()
    local answer = bidder:bid(kit.exoclick.banner { url = 'https://news.example/', export = 'xml' })
    assert.matches('<value>1.8</value>', answer.http.body, 1, true)
  end)

  it('bids the same on OpenRTB, where image and landing page become the markup', function()
    local answer = bidder:send(openrtb('/openrtb/bid', { id = '1', banner = { w = 300, h = 250 }, bidfloor = 1.50 }))
    assert.bids(answer, { price = 1.80 })
    local bid = json.decode(answer.http.body).seatbid[1].bid[1]
    assert.matches('<a href="https://go.example/b?s=news.example', bid.adm, 1, true)
    assert.matches('<img src="https://cdn.example/300x250.jpg"', bid.adm, 1, true)
    assert.equals('b300x250', bid.crid)
    assert.nobids(bidder:send(openrtb('/openrtb/bid', { id = '1', banner = { w = 300, h = 250 }, bidfloor = 1.90 })), 'floor')
  end)

  it('stays out of private auctions, which take deals alone', function()
    local function at(private)
      return bidder:bid(kit.openrtb.banner { imp = { pmp = { private_auction = private, deals = { { id = 'd-1' } } } } })
    end
    assert.nobids(at(1), 'deals_only')
    assert.bids(at(0))
  end)

  it('pays a floor that is just its price, and nothing above it', function()
    local function at(floor) return bidder:bid(kit.openrtb.banner { imp = { bidfloor = floor } }) end
    assert.bids(at(1.20), { price = 1.20 })
    assert.nobids(at(1.201), 'floor')
  end)

  it('tells the landing page the site, and which bid it was', function()
    local answer = bidder:bid(banner 'https://pub.example/?a=1')
    assert.matches('"clickUrl":"https://go.example/b?s=pub.example&b=' .. answer.bids[1].id .. '"', answer.http.body, 1, true)
  end)

  it('stays away where the publisher blocks its advertiser', function()
    local request = openrtb('/openrtb/bid', { id = '1', banner = { w = 300, h = 250 } }, { badv = { 'shop.example' } })
    assert.nobids(bidder:send(request), 'blocked')
  end)

  it('pays a thousandth of the CPM for an impression', function()
    local answer = bidder:bid(banner 'https://pub.example/')
    bidder:notice(answer, 'billing')
    assert.equals(0.0012, bidder:spent 'banner_by_site')
  end)

  it('stays out of other formats', function()
    for _, other in ipairs { kit.exoclick.popunder(), kit.exoclick.push(), kit.openrtb.video(), kit.xandr.bid() } do
      assert.nobids(bidder:bid(other), 'target')
    end
  end)

  it('stops at the daily limit', function()
    bidder:spend('banner_by_site', 499.99)
    assert.bids(bidder:bid(banner 'https://news.example/'))
    bidder:spend('banner_by_site', 0.01)
    assert.nobids(bidder:bid(banner 'https://news.example/'), 'budget')
  end)
end)

describe('xandr_display', function()
  local bidder
  before_each(function() bidder = kit.load { scripts = 'scripts', only = { 'xandr_display' } } end)

  local function display(floor)
    return kit.xandr.bid { tags = { { reserve_price = floor } } }
  end

  it('bids for the member that the request lists, above the floor', function()
    local answer = bidder:bid(display(2.00))
    assert.bids(answer, { price = 2.2 })
    assert.matches('"creative_id":71001', answer.http.body, 1, true)
  end)

  it('pays at least what the site is worth', function()
    assert.bids(bidder:bid(display(1.00)), { price = 1.80 })
    assert.bids(bidder:bid(kit.xandr.bid { bid_info = { domain = 'elsewhere.example' } }), { price = 0.60 })
  end)

  it('lets go of what is too dear', function()
    assert.bids(bidder:bid(display(4.54)), { price = 4.994 })
    assert.nobids(bidder:bid(display(4.55)), 'too_dear')
  end)

  it('has no creative for other sizes', function()
    assert.nobids(bidder:bid(kit.xandr.bid { tags = { { size = '468x60', sizes = { '468x60' } } } }), 'target')
  end)

  it('stops at the daily limit', function()
    bidder:spend('xandr_display', 500)
    assert.nobids(bidder:bid(display(1.00)), 'budget')
  end)

  it('books a win, and the exchange gives our own data back', function()
    local answer = bidder:bid(display(1.00))
    assert.equals(200, bidder:notify(answer, { type = 'won' }).http.status)
    assert.equals(1, bidder:count('xandr_display', 'win'))
    assert.is_true(bidder:spent 'xandr_display' > 0)
  end)

  it('bids on Xandr\'s OpenRTB for the first member that may, with the creative\'s id and no markup', function()
    local answer = bidder:send(openrtb('/xandr/bid', { id = '9007199254740995', banner = { w = 300, h = 250 } },
      { wseat = { '4401', '4402' } }))
    local response = json.decode(answer.http.body)
    assert.equals('4401', response.seatbid[1].seat)
    local bid = response.seatbid[1].bid[1]
    assert.same({ '71001', nil, 1.8 }, { bid.adid, bid.adm, bid.price })
  end)

  it('stays out of private auctions', function()
    local imp = { id = '1', banner = { w = 300, h = 250 }, pmp = { private_auction = 1, deals = { { id = 'd-1' } } } }
    assert.nobids(bidder:send(openrtb('/xandr/bid', imp, { wseat = { '4401' } })), 'deals_only')
  end)

  it('books nothing for a loss', function()
    local answer = bidder:bid(display(1.00))
    bidder:notify(answer, { type = 'lost' })
    assert.equals(0, bidder:spent 'xandr_display')
  end)
end)
