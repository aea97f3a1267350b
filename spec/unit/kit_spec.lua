-- moonbid.kit as a trader's spec uses it: options, requests, notices, money, time, assertions, and what it says to wrong arguments.

local kit = require 'moonbid.kit'
local json = require 'dkjson'
local folders = require 'spec.support.folder'

-- Bids on every format of ExoClick and on Xandr; the price and the no-bid come from the request.
local ANY = [[
  if req.user.keyword == 'no' then return nobid 'keyword' end
  if req.exchange == 'xandr' then return { price = 2, creative_id = '71', custom_notify_data = 'mine' } end
  local bid = { price = 2, click_url = 'https://go.example/' }
  if imp.format == 'popunder' or imp.format == 'direct_link' then bid = { price = 2, url = 'https://go.example/' } end
  if imp.format == 'email_click' then bid.model, bid.price = 'cpc', 0.05 end
  if imp.format == 'banner' then bid.image_url = 'https://cdn.example/i.png' end
  if imp.format == 'push' or imp.format == 'in_page_push' then
    bid.title, bid.description, bid.model, bid.price = 'T', 'D', 'cpc', 0.25
    if imp.format == 'push' then bid.icon_url = 'https://cdn.example/i.png' else bid.image_url = 'https://cdn.example/i.png' end
  end
  return bid
]]

describe('moonbid.kit', function()
  local folder
  before_each(function()
    folder = folders.new()
    folder:strategy('', ANY)
  end)
  after_each(function() folder:remove() end)

  -- The message of a function that must raise.
  local function refusal(f, ...)
    local ok, message = pcall(f, ...)
    assert.is_false(ok, 'nothing was raised')
    return tostring(message)
  end

  describe('load', function()
    it('takes all strategies, or those of `only`', function()
      folder:write('strategies/other.lua', "return strategy { name = 'other', bid = function() return nobid 'other' end }")
      local both = folder:load():bid(kit.exoclick.banner())
      assert.equals(2, #both.decisions)
      local one = folder:load { only = { 'other' } }:bid(kit.exoclick.banner())
      assert.same({ { strategy = 'other', imp_id = one.nobids[1].imp_id, reason = 'other' } }, one.nobids)
    end)

    it('reads instants as text and as milliseconds', function()
      folder:strategy('', "return nobid('t_' .. string.format('%.0f', ctx.now))")
      local rows = {
        { '2026-03-02T09:00:00Z', 't_1772442000000' }, { '2026-03-02 09:00', 't_1772442000000' },
        { '1970-01-01T00:00:01Z', 't_1000' }, { '2024-02-29T23:59:59Z', 't_1709251199000' },
        { 1772442000123, 't_1772442000123' },
      }
      for _, row in ipairs(rows) do assert.nobids(folder:load { now = row[1] }:bid(kit.exoclick.banner()), row[2]) end
    end)

    it('draws the same for the same seed, and otherwise for another', function()
      folder:strategy('', "return nobid('r' .. ctx.random(1, 1000000000))")
      local function draws(seed)
        local bidder, list = folder:load { seed = seed }, {}
        for i = 1, 5 do list[i] = bidder:bid(kit.exoclick.banner()).nobids[1].reason end
        return list
      end
      assert.same(draws(7), draws(7))
      assert.are_not.same(draws(7), draws(8))
    end)

    it('takes countries of addresses from `geo`', function()
      folder:strategy("target = { country = { 'DE' } },", ANY)
      local bidder = folder:load { geo = { ['192.0.2.10'] = 'DE', ['192.0.2.11'] = 'FR', ['2001:db8::1'] = 'DE' } }
      assert.bids(bidder:bid(kit.exoclick.banner { ip = '192.0.2.10' }))
      assert.bids(bidder:bid(kit.exoclick.banner { ip = '2001:db8::1' }))
      assert.nobids(bidder:bid(kit.exoclick.banner { ip = '192.0.2.11' }), 'target')
      assert.nobids(bidder:bid(kit.exoclick.banner { ip = '192.0.2.12' }), 'target')
    end)

    it('says what is wrong with its options', function()
      local rows = {
        { { now = 'yesterday' }, "not an instant such as '2026%-03%-02T09:00:00Z': yesterday" },
        { { now = '2026-13-02T09:00:00Z' }, 'not an instant' }, { { now = '2026-02-30T09:00:00Z' }, 'not an instant' },
        { { now = '2026-03-02T25:00:00Z' }, 'not an instant' }, { { now = true }, 'not an instant' },
        { { now = 0 / 0 }, 'not an instant' }, { { now = -1 }, 'not an instant' },
        { { sed = 7 }, "unknown option 'sed'" }, { { [1] = 'x' }, "unknown option '1'" },
        { { seed = 'x' }, "option 'seed'.-a number.-string" }, { { seed = -1 }, "option 'seed'" },
        { { seed = 0.5 }, "option 'seed'" },
        { { only = 'de_push' }, "option 'only'.-list of names" }, { { only = {} }, "option 'only'.-list of names" },
        { { only = { 7 } }, "option 'only'.-list of names" },
        { { only = { 'nobody' } }, "no strategy 'nobody'" },
        { { geo = 'DE' }, "option 'geo'" }, { { geo = { ['192.0.2.1'] = 'Germany' } }, "option 'geo'.-192%.0%.2%.1" },
        { { geo = { ['not an address'] = 'DE' } }, "option 'geo'.-not an address" },
        { { geo = { ['192.0.2.1'] = 49 } }, "option 'geo'.-192%.0%.2%.1" }, { { config = 7 }, "option 'config'" },
        { { config = '/nowhere/moonbid.conf.lua' }, '/nowhere/moonbid.conf.lua' },
      }
      for _, row in ipairs(rows) do assert.matches(row[2], refusal(folder.load, folder, row[1])) end
      assert.matches("option 'scripts'", refusal(kit.load, { scripts = 7 }))
      assert.matches('/nowhere', refusal(kit.load, { scripts = '/nowhere' }))
      assert.matches('a table of options', refusal(kit.load, 'scripts'))
    end)

    it('raises every load error with file and line', function()
      folder:write('strategies/a.lua', "return strategy { name = 'a', enabeld = true, bid = function() end }")
      folder:write('strategies/b.lua', "\nreturn strategy { name = 'b', bid = 7 }")
      local message = refusal(folder.load, folder)
      assert.matches('strategies/a.lua:1: enabeld: unknown key', message, 1, true)
      assert.matches('strategies/b.lua:2: bid: expected a function, got a number', message, 1, true)
    end)

    it('gives bidders that know nothing of each other', function()
      local first, second = folder:load(), folder:load()
      first:spend('probe', 5)
      first:advance '1d'
      assert.equals(5, first:spent 'probe')
      assert.equals(0, second:spent 'probe')
    end)

    it('names the version of the scripts by their content', function()
      local version = folder:load():version()
      assert.matches('^%x+$', version)
      assert.equals(version, folder:load():version())
      folder:write('lib/x.lua', 'return {}')
      assert.are_not.equal(version, folder:load():version())
    end)
  end)

  describe('requests', function()
    it('are built for every format of ExoClick', function()
      local bidder = folder:load()
      for _, kind in ipairs { 'banner', 'popunder', 'push', 'in_page_push', 'direct_link', 'email_click' } do
        local answer = bidder:bid(kit.exoclick[kind]())
        assert.bids(answer)
        assert.equals(200, answer.http.status, kind)
        assert.is_table(json.decode(answer.http.body), kind)
      end
    end)

    it('carry what is given, and ids of their own', function()
      local request = kit.exoclick.banner { ip = '192.0.2.77', language = 'fr', tokens = { b = 'x&y', a = '1 2' }, sub = 12 }
      local body = json.decode(request.body)
      assert.equals('POST', request.method)
      assert.equals('/exoclick/bid', request.path)
      assert.equals('a=1%202&b=x%26y', request.query)
      assert.same({ '192.0.2.77', 'fr', 12, 'banner' }, { body.ip, body.language, body.sub, body.type })
      assert.is_nil(body.tokens)
      assert.are_not.equal(body.id, json.decode(kit.exoclick.banner().body).id)
    end)

    it('of Xandr have one tag or several, and ids with all their digits', function()
      local one = json.decode(kit.xandr.bid().body).bid_request
      assert.equals(1, #one.tags)
      local tags = { { auction_id_64 = '9007199254740993' }, { size = '728x90' } }
      local request = kit.xandr.bid { tags = tags, members = { '1', '2' } }
      assert.matches('"auction_id_64":9007199254740993[,}]', request.body)
      local several = json.decode(request.body).bid_request
      assert.equals(2, #several.tags)
      assert.equals(2, #several.members)
      local answer = folder:load():bid(kit.xandr.bid { tags = { { auction_id_64 = '9007199254740993' }, {} } })
      assert.equals(2, #answer.bids)
      assert.equals('9007199254740993', answer.bids[1].imp_id)
    end)

    it('may be any document for the engine to refuse', function()
      local bidder = folder:load()
      assert.equals(404, bidder:send { method = 'GET', path = '/nowhere' }.http.status)
      assert.equals(0, #bidder:send { method = 'POST', path = '/exoclick/bid', body = '{"id":' }.bids)
      for _, wrong in ipairs { 7, {}, { method = 'GET' }, { method = 'POST', path = '/x', body = {} } } do
        assert.matches('a request', refusal(bidder.bid, bidder, wrong))
      end
      assert.matches('a request', refusal(bidder.bid, bidder))
    end)
  end)

  describe('notices', function()
    it('book what was billed, once', function()
      local bidder = folder:load()
      local answer = bidder:bid(kit.exoclick.banner())
      assert.equals(0, bidder:spent 'probe')
      assert.equals(200, bidder:notice(answer, 'billing').http.status)
      bidder:notice(answer, 'billing')
      assert.equals(0.002, bidder:spent 'probe')
      assert.equals(1, bidder:count('probe', 'billing'))
    end)

    it('book a click at its price', function()
      local bidder = folder:load()
      local answer = bidder:bid(kit.exoclick.push())
      bidder:notice(answer, 'billing')
      assert.equals(0.25, bidder:spent 'probe')
    end)

    it('of Xandr book the win, tell of a click, and no money for a loss', function()
      local bidder = folder:load()
      local answer = bidder:bid(kit.xandr.bid())
      bidder:notify(answer, { type = 'lost' })
      assert.equals(0, bidder:spent 'probe')
      assert.equals(200, bidder:notify(answer).http.status)
      bidder:click(answer)
      assert.equals(0.002, bidder:spent 'probe')
      assert.same({ 1, 1, 1 },
        { bidder:count('probe', 'loss'), bidder:count('probe', 'win'), bidder:count('probe', 'click') })
    end)

    it('are of the bid that is asked for', function()
      local bidder = folder:load()
      local answer = bidder:bid(kit.xandr.bid { tags = { {}, {} } })
      bidder:notify(answer, { bid = 2, price_paid = 1 })
      bidder:notify(answer, { bid = 1 })
      assert.equals(0.003, bidder:spent 'probe')
      assert.matches('carries no bid 3', refusal(bidder.notify, bidder, answer, { bid = 3 }))
    end)

    it('need a bid, and a kind that the answer carries', function()
      local bidder = folder:load()
      local none = bidder:bid(kit.exoclick.banner { keyword = 'no' })
      assert.matches('carries no bid: probe: keyword', refusal(bidder.notice, bidder, none, 'billing'))
      local answer = bidder:bid(kit.exoclick.banner())
      assert.matches("'billing'", refusal(bidder.notice, bidder, answer, 'win'))
      assert.matches('an answer', refusal(bidder.notice, bidder, nil, 'billing'))
      local xandr = bidder:bid(kit.xandr.bid())
      assert.matches('no notice URL', refusal(bidder.notice, bidder, xandr, 'billing'))
      assert.matches('Xandr', refusal(bidder.notify, bidder, answer))
      assert.matches('Xandr', refusal(bidder.click, bidder, answer))
    end)
  end)

  describe('money and time', function()
    it('count by day, hour and in all', function()
      local bidder = folder:load { now = '2026-03-02T09:30:00Z' }
      bidder:spend('probe', 1.25)
      bidder:advance '1h'
      bidder:spend('probe', 0.5)
      assert.same({ 0.5, 1.75, 1.75 }, { bidder:spent('probe', 'hour'), bidder:spent('probe', 'day'), bidder:spent 'probe' })
      bidder:advance '1d'
      assert.same({ 0, 0, 1.75 }, { bidder:spent('probe', 'hour'), bidder:spent('probe', 'day'), bidder:spent 'probe' })
    end)

    it('advance by durations only', function()
      folder:strategy('', "return nobid('t_' .. string.format('%.0f', ctx.now))")
      local bidder = folder:load { now = 0 }
      bidder:advance '90s'
      bidder:advance '15m'
      bidder:advance '25h'
      bidder:advance '7d'
      assert.nobids(bidder:bid(kit.exoclick.banner()), ('t_%d'):format((90 + 15 * 60 + 25 * 3600 + 7 * 86400) * 1000))
      for _, wrong in ipairs { '1w', '-1s', '1.5h', '', 's', 90, {} } do
        assert.matches("not a duration such as '90s'", refusal(bidder.advance, bidder, wrong))
      end
      assert.matches("not a duration such as '90s'", refusal(bidder.advance, bidder))
    end)

    it('say which argument is wrong', function()
      local bidder = folder:load()
      for _, method in ipairs { 'spend', 'spent', 'count' } do
        assert.matches("no loaded strategy 'nobody'", refusal(bidder[method], bidder, 'nobody', 1), method)
        assert.matches('no loaded strategy', refusal(bidder[method], bidder), method)
      end
      assert.matches('not an amount of money', refusal(bidder.spend, bidder, 'probe'))
      for _, wrong in ipairs { 'x', 0 / 0, 1 / 0, -1, {} } do
        assert.matches('not an amount of money', refusal(bidder.spend, bidder, 'probe', wrong))
      end
      assert.matches("'total', 'day' or 'hour'", refusal(bidder.spent, bidder, 'probe', 'week'))
      assert.matches("no such event: 'sale'", refusal(bidder.count, bidder, 'probe', 'sale'))
    end)
  end)

  describe('assertions', function()
    local bid, none
    before_each(function()
      local bidder = folder:load()
      bid = bidder:bid(kit.exoclick.push())
      none = bidder:bid(kit.exoclick.push { keyword = 'no' })
    end)

    it('hold', function()
      assert.bids(bid)
      assert.bids(bid, { model = 'cpc', price = 0.25, strategy = 'probe', title = 'T' })
      assert.nobids(none)
      assert.nobids(none, 'keyword')
      assert.nobids(none, 'keyword', 'probe')
    end)

    it('fail, and say why', function()
      local rows = {
        { 'bids', none, nil, nil, 'no bid: probe: keyword' },
        { 'bids', bid, { model = 'cpm' }, nil, 'no bid as expected: model is cpc, expected cpm' },
        { 'bids', bid, { price = 0.3 }, nil, 'no bid as expected: price is 0.25, expected 0.3' },
        { 'bids', bid, { titel = 'T' }, nil, 'no bid as expected: titel is nil, expected T' },
        { 'nobids', bid, nil, nil, 'expected no bid, but probe bids 0.25' },
        { 'nobids', bid, 'keyword', nil, 'expected no bid, but probe bids 0.25' },
        { 'nobids', none, 'budget', nil, "expected no bid because of 'budget', got probe: keyword" },
        { 'nobids', none, 'keyword', 'other', "expected no bid of 'other' because of 'keyword', got probe: keyword" },
      }
      for _, row in ipairs(rows) do
        assert.matches(row[5], refusal(assert[row[1]], row[2], row[3], row[4]), 1, true)
      end
    end)

    it('tell a wrong argument from a failed test', function()
      for _, name in ipairs { 'bids', 'nobids' } do
        assert.matches('an answer of bidder:bid is expected, got a string', refusal(assert[name], 'answer'), 1, true)
      end
      assert.matches('a table of fields is expected', refusal(assert.bids, bid, 'cpc'), 1, true)
      assert.matches('a reason is expected', refusal(assert.nobids, none, { 'keyword' }), 1, true)
    end)
  end)
end)
