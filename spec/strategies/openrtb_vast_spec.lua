-- The spec of scripts/strategies/openrtb_vast.lua: a film in the version that the player reads.

local kit = require 'moonbid.kit'
local json = require 'dkjson'

describe('openrtb_vast', function()
  local bidder
  before_each(function() bidder = kit.load { scripts = 'scripts', only = { 'openrtb_vast' } } end)

  local function ask(video, floor, pmp)
    video.w, video.h = video.w or 640, video.h or 360
    return bidder:send { method = 'POST', path = '/openrtb/bid', body = json.encode {
      id = 'r-1', imp = { { id = '7', video = video, bidfloor = floor, pmp = pmp } }, site = { domain = 'pub.example' } } }
  end

  local function only_bid(answer) return json.decode(answer.http.body).seatbid[1].bid[1] end

  it('speaks the version of the player', function()
    for version, protocols in pairs { ['2.0'] = { 2 }, ['3.0'] = { 2, 3 }, ['4.2'] = { 3, 13 } } do
      local bid = only_bid(ask { protocols = protocols, mimes = { 'video/mp4' } })
      assert.matches('<VAST version="' .. version .. '"', bid.adm, 1, true)
      assert.matches('https://t.example/i?b=' .. bid.id .. ']]>', bid.adm, 1, true)
      assert.equals(15, bid.dur)
    end
  end)

  it('leads clicks through our redirect', function()
    assert.matches('<ClickThrough><!%[CDATA%[http://[^/]+/k/', only_bid(ask {}).adm)
  end)

  it('stays away where the film does not fit', function()
    assert.nobids(ask { mimes = { 'video/webm' } }, 'invalid_bid')
    assert.nobids(ask { maxduration = 14 }, 'invalid_bid')
    assert.bids(ask { minduration = 15, maxduration = 15 }, { price = 4.60 })
    assert.equals(0, #ask({ w = 300, h = 250 }).bids)
  end)

  it('does not bid under a floor', function()
    assert.bids(ask({}, 4.60), { price = 4.60 })
    assert.nobids(ask({}, 4.61), 'floor')
  end)

  it('stays out of private auctions', function()
    assert.nobids(ask({}, nil, { private_auction = 1, deals = { { id = 'd-1' } } }), 'deals_only')
  end)

  it('counts why it lost', function()
    local answer = ask {}
    bidder:notice(answer, 'loss', 'l=102')
    assert.equals(1, bidder:count('openrtb_vast', 'loss'))
  end)
end)
