-- One strategy file, the same inventory, every way in which it is offered: what the strategy sees is the same, its bid
-- means the same in each exchange's words, and the impression books the same money.

local kit = require 'moonbid.kit'
local json = require 'dkjson'
local folders = require 'spec.support.folder'

local STRATEGY = [[
return strategy {
  name = 'one',
  target = { format = { 'banner' }, size = { '300x250' }, country = { 'DE' }, domain = { 'pub.example' } },
  limits = { max_bid = { cpm = 5 }, daily = 100 },
  bid = function(ctx, req, imp)
    if req.device.language ~= 'de' or req.device.type ~= 'phone' then return nobid 'visitor' end
    local seen = table.concat({ imp.format, imp.width, imp.height, imp.floor, req.currency, req.site.domain, req.site.page,
      req.geo.country, req.device.os, req.device.type, req.device.language, req.device.ip, req.user.id }, ' ')
    return {
      price = 1.5, image_url = 'https://cdn.example/300x250.jpg', click_url = 'https://go.example/?d={domain}&c={country}',
      creative_id = '29681', title = seen,
    }
  end,
}]]

local CONFIG = [[
return {
  currency = 'USD',
  endpoints = {
    { name = 'exoclick', path = '/exoclick/bid', exchange = 'exoclick', currency = 'USD' },
    { name = 'exoclick-openrtb', path = '/exoclick/openrtb', exchange = 'openrtb', dialect = 'exoclick', currency = 'USD' },
    { name = 'xandr', path = '/xandr', exchange = 'xandr', member = '4401' },
    { name = 'xandr-openrtb', path = '/xandr-openrtb/bid', exchange = 'openrtb', dialect = 'xandr', member = '4401' },
    { name = 'openrtb', path = '/openrtb/bid', exchange = 'openrtb' },
  },
}]]

local UA = 'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) '
  .. 'Chrome/124.0.0.0 Mobile Safari/537.36'

local LANDING = 'https://go.example/?d=pub.example&c=DE'

local function flat()
  return kit.exoclick.banner { ip = '192.0.2.10', language = 'de-DE', ua = UA, url = 'https://pub.example/a', user_id = '77' }
end

local function openrtb(path, imp_id)
  return function()
    return { method = 'POST', path = path, body = json.encode {
      id = '9007199254740993', cur = { 'USD' }, imp = { { id = imp_id or '1', banner = { w = 300, h = 250 } } },
      site = { domain = 'pub.example', page = 'https://pub.example/a' }, user = { id = '77' },
      device = { ip = '192.0.2.10', ua = UA, language = 'de', os = 'Android', devicetype = 4, geo = { country = 'DEU' } },
    } }
  end
end

local function platform()
  return kit.xandr.bid { bid_info = {
    ip_address = '192.0.2.10', country = 'DE', user_agent = UA, accepted_languages = 'de-DE,de;q=0.8', device_type = 2,
    url = 'https://pub.example/a', domain = 'pub.example', user_id_64 = 77,
  } }
end

local function only_openrtb_bid(answer)
  local seat = json.decode(answer.http.body).seatbid[1]
  return seat.bid[1], seat
end

-- The exchange fetches the notice URL that books, with what the impression cost.
local function fetch(bidder, url)
  local path, query = url:gsub('%${AUCTION_PRICE}', '1.2'):gsub('%${AUCTION_CURRENCY}', 'USD')
    :match '^https?://[^/]+(/[^?]*)%??(.*)$'
  return bidder:send { method = 'GET', path = path, query = query ~= '' and query or nil }
end

-- How each way offers the inventory; what its answer says: price, landing page, image, creative; how it tells of the
-- impression, and what that books.
local WAYS = {
  {
    name = 'ExoClick RTB', offer = flat, books = 0.0015, -- its notice names no price: what was bid
    said = function(answer)
      local bid = json.decode(answer.http.body).bid
      return { bid.value, bid.clickUrl, bid.imgUrl, bid.btype }
    end,
    expected = { 1.5, LANDING, 'https://cdn.example/300x250.jpg', 1 },
    show = function(bidder, answer) return bidder:notice(answer, 'billing') end,
  },
  {
    name = 'ExoClick OpenRTB', offer = openrtb '/exoclick/openrtb', books = 0.0012,
    said = function(answer)
      local bid = only_openrtb_bid(answer)
      return { bid.price, bid.adm, bid.crid, bid.ext.btype }
    end,
    expected = { 1.5, '<?xml version="1.0" encoding="ISO-8859-1"?><ad><imageAd><clickUrl><![CDATA[' .. LANDING
      .. ']]></clickUrl><imgUrl><![CDATA[https://cdn.example/300x250.jpg]]></imgUrl></imageAd></ad>', '29681', 1 },
    show = function(bidder, answer) return fetch(bidder, only_openrtb_bid(answer).burl) end,
  },
  {
    name = 'Xandr platform', offer = platform, books = 0.0012,
    said = function(answer)
      local bid = json.decode(answer.http.body).bid_response.responses[1]
      return { bid.price, bid.click_url, bid.creative_id, bid.member_id }
    end,
    expected = { 1.5, LANDING, 29681, 4401 },
    show = function(bidder, answer) return bidder:notify(answer, { price_paid = 1.2 }) end,
  },
  {
    name = 'Xandr OpenRTB', offer = openrtb('/xandr-openrtb/bid', '9223372036854775807'), books = 0.0012,
    said = function(answer)
      local bid, seat = only_openrtb_bid(answer)
      return { bid.price, bid.impid, bid.crid, seat.seat }
    end,
    expected = { 1.5, '9223372036854775807', '29681', '4401' },
    show = function(bidder, answer) return fetch(bidder, only_openrtb_bid(answer).nurl) end,
  },
  {
    name = 'Xandr OpenRTB on its one bid URL', offer = openrtb('/xandr/bid', '9223372036854775807'), books = 0.0012,
    said = function(answer)
      local bid, seat = only_openrtb_bid(answer)
      return { bid.price, bid.impid, bid.crid, seat.seat }
    end,
    expected = { 1.5, '9223372036854775807', '29681', '4401' },
    show = function(bidder, answer) return fetch(bidder, only_openrtb_bid(answer).nurl) end,
  },
  {
    name = 'generic OpenRTB', offer = openrtb '/openrtb/bid', books = 0.0012,
    said = function(answer)
      local bid = only_openrtb_bid(answer)
      return { bid.price, bid.adm, bid.crid }
    end,
    expected = { 1.5, '<a href="https://go.example/?d=pub.example&amp;c=DE" target="_blank"><img '
      .. 'src="https://cdn.example/300x250.jpg" alt="" width="300" height="250"></a>', '29681' },
    show = function(bidder, answer) return fetch(bidder, only_openrtb_bid(answer).burl) end,
  },
}

describe('one strategy', function()
  local folder, bidder
  before_each(function()
    folder = folders.new()
    folder:write('strategies/one.lua', STRATEGY)
    folder:write('moonbid.conf.lua', CONFIG)
    bidder = folder:load { config = folder.path .. '/moonbid.conf.lua', geo = { ['192.0.2.10'] = 'DE' },
                           now = '2026-03-02T09:00:00Z' }
  end)
  after_each(function() folder:remove() end)

  for _, way in ipairs(WAYS) do
    it('bids over ' .. way.name, function()
      local answer = bidder:send(way.offer())
      assert.equals(200, answer.http.status, answer.http.body)
      assert.bids(answer, { strategy = 'one', model = 'cpm', price = 1.5 })
      assert.same(way.expected, way.said(answer))
    end)

    it('sees the same over ' .. way.name, function()
      assert.bids(bidder:send(way.offer()), {
        title = 'banner 300 250 0 USD pub.example https://pub.example/a DE android phone de 192.0.2.10 77' })
    end)

    it('pays for an impression once over ' .. way.name, function()
      local answer = bidder:send(way.offer())
      for _ = 1, 2 do assert.equals(200, way.show(bidder, answer).http.status) end
      assert.equals(way.books, bidder:spent 'one')
    end)
  end

  it('keeps one budget for all of them', function()
    local sum = 0
    for _, way in ipairs(WAYS) do
      way.show(bidder, bidder:send(way.offer()))
      sum = sum + way.books
    end
    assert.near(sum, bidder:spent 'one', 1e-9)
    bidder:spend('one', 100)
    for _, way in ipairs(WAYS) do assert.nobids(bidder:send(way.offer()), 'budget', 'one') end
  end)

  it('is a stranger to other inventory everywhere', function()
    local other = folders.new()
    other:write('strategies/one.lua', (STRATEGY:gsub("'pub%.example' }", "'other.example' }")))
    other:write('moonbid.conf.lua', CONFIG)
    local stranger = other:load { config = other.path .. '/moonbid.conf.lua', geo = { ['192.0.2.10'] = 'DE' } }
    for _, way in ipairs(WAYS) do assert.equals(0, #stranger:send(way.offer()).bids) end
    other:remove()
  end)
end)
