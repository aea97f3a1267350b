-- The spec of scripts/strategies/openrtb_media.lua: video, audio, native and deals.

local kit = require 'moonbid.kit'
local json = require 'dkjson'

describe('openrtb_media', function()
  local bidder
  before_each(function()
    bidder = kit.load { scripts = 'scripts', only = { 'openrtb_media', 'openrtb_native', 'openrtb_deals' } }
  end)

  local function ask(imp)
    imp.id = '7'
    return bidder:send { method = 'POST', path = '/openrtb/bid', body = json.encode {
      id = 'r-1', imp = { imp }, site = { domain = 'pub.example' } } }
  end

  local function only_bid(answer) return json.decode(answer.http.body).seatbid[1].bid[1] end

  it('answers video and audio with VAST that names bid and site', function()
    for media, price in pairs { video = 4.20, audio = 3.10 } do
      local answer = ask { [media] = { mimes = { 'x/y' } } }
      assert.bids(answer, { price = price })
      local bid = only_bid(answer)
      assert.matches('^<%?xml version="1.0" encoding="UTF%-8"%?>\n<VAST version="3.0">', bid.adm)
      assert.matches('?b=' .. bid.id .. '&d=pub.example]]>', bid.adm, 1, true)
      assert.is_nil(bid.adm:find('{{', 1, true))
      assert.equals('spring-' .. media, bid.crid)
    end
  end)

  it('answers the native assets that were asked for', function()
    local assets = { { id = 1, required = 1, title = { len = 90 } }, { id = 2, required = 1, img = { type = 3 } } }
    local answer = ask { native = { ver = '1.2', request = json.encode { ver = '1.2', assets = assets } } }
    assert.bids(answer, { price = 1.30 })
    assert.same({ { id = 1, title = { text = 'Spring is here' } },
                  { id = 2, img = { url = 'https://cdn.example/n1200x627.jpg' } } }, json.decode(only_bid(answer).adm).assets)
  end)

  it('stays away from a native impression that requires what it has not', function()
    local request = json.encode { assets = { { id = 1, required = 1, data = { type = 12 } } } }
    assert.nobids(ask { native = { ver = '1.2', request = request } }, 'invalid_bid')
  end)

  it('leaves private auctions to its deals', function()
    local function private(deal) return { private_auction = 1, deals = { { id = deal } } } end
    for _, media in ipairs { 'video', 'audio' } do
      assert.nobids(ask { [media] = { mimes = { 'x/y' } }, pmp = private 'd-1' }, 'deals_only')
    end
    assert.nobids(ask { native = { ver = '1.2', request = '{}' }, pmp = private 'd-1' }, 'deals_only')
    assert.bids(ask { banner = { w = 300, h = 250 }, pmp = private 'deal-7' }, { price = 2.60 })
  end)

  it('does not bid under a floor', function()
    assert.nobids(ask { video = { mimes = { 'x/y' } }, bidfloor = 4.21 }, 'floor')
  end)

  it('takes the deal that it knows, and no other', function()
    local banner = { w = 300, h = 250 }
    local answer = ask { banner = banner, pmp = { deals = { { id = 'deal-7', bidfloor = 1.5 } } } }
    assert.bids(answer, { price = 2.60 })
    assert.equals('deal-7', only_bid(answer).dealid)
    assert.nobids(ask { banner = banner, pmp = { deals = { { id = 'deal-8' } } } }, 'no_deal')
    assert.nobids(ask { banner = banner }, 'no_deal')
  end)
end)
