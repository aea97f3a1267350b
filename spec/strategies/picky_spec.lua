-- The spec of scripts/strategies/picky.lua: every reason for not bidding.

local kit = require 'moonbid.kit'

describe('picky', function()
  local function load(seed)
    return kit.load { scripts = 'scripts', only = { 'picky' }, now = '2026-03-02T09:00:00Z', seed = seed or 1 }
  end

  it('says why it declines', function()
    for reason, fields in pairs {
      bot = { ua = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)' },
      no_user = { user_id = '0' },
      language = { language = 'de' },
      long_url = { url = 'https://pub.example/' .. ('x'):rep(500) },
    } do
      assert.nobids(load():bid(kit.exoclick.banner(fields)), reason)
    end
  end)

  it('takes about one in five of the rest', function()
    local bids = 0
    local bidder = load()
    for _ = 1, 1000 do bids = bids + #bidder:bid(kit.exoclick.banner()).bids end
    assert.is_true(bids > 140 and bids < 260, bids)
  end)

  it('decides alike for the same seed', function()
    for seed = 1, 20 do
      local first, second = load(seed), load(seed)
      for _ = 1, 5 do
        assert.equals(#first:bid(kit.exoclick.popunder()).bids, #second:bid(kit.exoclick.popunder()).bids)
      end
    end
  end)

  it('stops at the daily limit', function()
    local bidder = load()
    bidder:spend('picky', 20)
    assert.nobids(bidder:bid(kit.exoclick.banner()), 'budget')
  end)
end)
