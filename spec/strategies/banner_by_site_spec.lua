-- The spec of scripts/strategies/banner_by_site.lua: banners at ExoClick, display at Xandr.

local kit = require 'moonbid.kit'

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

  it('stops at the daily limit', function()
    bidder:spend('banner_by_site', 500)
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

  it('lets go of what is too dear', function()
    assert.nobids(bidder:bid(display(4.90)), 'too_dear')
  end)

  it('books a win, and the exchange gives our own data back', function()
    local answer = bidder:bid(display(1.00))
    assert.equals(200, bidder:notify(answer, { type = 'won' }).http.status)
    assert.equals(1, bidder:count('xandr_display', 'win'))
    assert.is_true(bidder:spent 'xandr_display' > 0)
  end)

  it('books nothing for a loss', function()
    local answer = bidder:bid(display(1.00))
    bidder:notify(answer, { type = 'lost' })
    assert.equals(0, bidder:spent 'xandr_display')
  end)
end)
