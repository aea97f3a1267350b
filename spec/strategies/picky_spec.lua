-- The spec of scripts/strategies/picky.lua: every reason for not bidding.

local kit = require 'moonbid.kit'

describe('picky', function()
  local function load(seed)
    return kit.load { scripts = 'scripts', only = { 'picky' }, now = '2026-03-02T09:00:00Z', seed = seed or 1 }
  end

  -- Asks until there is an answer of that kind: a bid, or the reason of a no-bid. It draws, so not every one will do.
  local function ask_until(bidder, build, wanted)
    for _ = 1, 20000 do
      local answer = bidder:bid(build())
      if (answer.bids[1] and 'bid' or answer.nobids[1].reason) == wanted then return answer end
    end
    error('never ' .. wanted)
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

  it('takes a page address of 500 letters, and none longer', function()
    local start = 'https://pub.example/'
    local function page(length)
      return function() return kit.exoclick.banner { url = start .. ('x'):rep(length - #start) } end
    end
    assert.bids(ask_until(load(), page(500), 'bid'))
    assert.nobids(load():bid(page(501)()), 'long_url')
  end)

  it('sends the impression along, for popunders and for banners', function()
    local answer = ask_until(load(), kit.exoclick.popunder, 'bid')
    assert.matches('"url":"https://go.example/p?i=' .. answer.bids[1].imp_id .. '"', answer.http.body, 1, true)
    answer = ask_until(load(), kit.exoclick.banner, 'bid')
    assert.matches('"clickUrl":"https://go.example/a?i=' .. answer.bids[1].imp_id .. '"', answer.http.body, 1, true)
  end)

  it('has had enough after a thousand bids, until the day is over', function()
    local bidder = load()
    for _ = 1, 1000 do ask_until(bidder, kit.exoclick.banner, 'bid') end
    assert.nobids(bidder:bid(kit.exoclick.banner()), 'enough_today')
    bidder:advance '24h'
    ask_until(bidder, kit.exoclick.banner, 'bid')
  end)

  it('takes about one in five of the rest, and says that it drew', function()
    local bids = 0
    local bidder = load()
    for _ = 1, 1000 do
      local answer = bidder:bid(kit.exoclick.banner())
      bids = bids + #answer.bids
      if #answer.bids == 0 then assert.nobids(answer, 'sampled_out') end
    end
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
    bidder:spend('picky', 19.99)
    ask_until(bidder, kit.exoclick.banner, 'bid')
    bidder:spend('picky', 0.01)
    assert.nobids(bidder:bid(kit.exoclick.banner()), 'budget')
  end)
end)
