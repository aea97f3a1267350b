-- shadow = true: asked behind the answer, counted beside what was sent, and nothing else changes.

local kit = require 'moonbid.kit'
local folders = require 'spec.support.folder'

describe('a shadow strategy', function()
  local folder
  before_each(function() folder = folders.new() end)
  after_each(function() folder:remove() end)

  local function file(name, more, body)
    folder:write(('strategies/%s.lua'):format(name), ([[return strategy { name = '%s', %s
      bid = function(ctx, req, imp) %s end }]]):format(name, more, body))
  end

  local function banner(price)
    return ("return { price = %s, image_url = 'https://c.example/i', click_url = 'https://go.example/' }"):format(price)
  end

  it('sends nothing, holds nothing, and is not in the answer', function()
    file('live', '', banner(1))
    file('candidate', 'shadow = true, priority = 9,', banner(5))
    local bidder = folder:load()
    local answer = bidder:bid(kit.exoclick.banner())
    assert.bids(answer, { strategy = 'live', price = 1 })
    assert.equals(1, #answer.bids)
    assert.equals(0, #answer.nobids)
    bidder:notice(answer, 'billing')
    assert.equals(0, bidder:spent 'candidate')
    assert.equals(0, bidder:count('candidate', 'billing'))
    assert.equals(1, bidder:count('live', 'billing'))
  end)

  it('is counted beside what was sent, as its notice tells', function()
    file('live', '', banner 'tonumber(req.tokens.p)')
    file('more', 'shadow = true,', banner(2))
    file('less', 'shadow = true,', banner(0.5))
    local bidder = folder:load()
    for _, price in ipairs { '1', '1', '1', '3' } do
      local answer = bidder:bid(kit.exoclick.banner { tokens = { p = price } })
      bidder:notice(answer, 'billing') -- won, at 1 three times, once at 3
    end
    bidder:bid(kit.exoclick.banner { tokens = { p = '1' } }) -- of which nobody hears
    local more, less = bidder:shadow 'more', bidder:shadow 'less'
    assert.same({ 5, 5, 5, 3, 0, 1 }, { more.asked, more.bids, more.beside, more.wins, more.losses, more.unknown })
    assert.near(3 * 2 / 1000, more.spend, 1e-12) -- it pays its own price
    assert.same({ 4, 0.006 }, { more.live_wins, more.live_spend })
    assert.same({ 0, 0, 4, 0 }, { less.wins, less.losses, less.unknown, less.spend })
  end)

  it('is judged by the least price that would have won, where it was told', function()
    folder:write('strategies/live.lua', [[return strategy { name = 'live', target = { exchange = { 'openrtb' } },
      bid = function() return { price = 1, markup = '<b>', creative_id = 'c', advertiser_domains = { 'a.example' } } end }]])
    for name, price in pairs { low = 1.2, high = 1.6 } do
      file(name, "shadow = true, target = { exchange = { 'openrtb' } },",
        ("return { price = %s, markup = '<b>', creative_id = 'c', advertiser_domains = { 'a.example' } }"):format(price))
    end
    local bidder = folder:load()
    local answer = bidder:bid(kit.openrtb.banner())
    assert.equals(1, #answer.bids)
    bidder:notice(answer, 'loss', 'm=1.50&l=102')
    local low, high = bidder:shadow 'low', bidder:shadow 'high'
    assert.same({ 0, 1, 0 }, { low.wins, low.losses, low.unknown })
    assert.same({ 1, 0, 0, 0 }, { high.wins, high.losses, high.unknown, high.live_wins })
    assert.near(0.0016, high.spend, 1e-12)
  end)

  it('is told by the market what it would likely win', function()
    file('candidate', 'shadow = true,', banner(1))
    local bidder = folder:load { market = { { endpoint = 'exoclick', format = 'banner', rates = { [1] = 0.25 } } } }
    for _ = 1, 8 do bidder:bid(kit.exoclick.banner()) end
    local n = bidder:shadow 'candidate'
    assert.same({ 8, 0, 8, 2 }, { n.bids, n.beside, n.expected_bids, n.expected_wins })
    assert.near(8 * 0.25 * 0.001, n.expected_spend, 1e-9)
  end)

  it('fails alone, and changes no counter of all', function()
    file('live', '', "return nobid('n' .. ctx.get 'shared:k')")
    file('broken', 'shadow = true,', "error 'no'")
    file('endless', 'shadow = true,', 'while true do end')
    file('wrong', 'shadow = true,', "return { price = 1 }")
    file('counting', 'shadow = true,', "ctx.incr('shared:k', 1, '1h') ctx.incr('own', 1, '1h') return nobid('x')")
    local bidder = folder:load()
    for _ = 1, 5 do assert.equals('n0', bidder:bid(kit.exoclick.banner()).nobids[1].reason) end
    assert.same({ 5, 5 }, { bidder:shadow('broken').failures, bidder:shadow('endless').failures })
    assert.equals(5, bidder:shadow('wrong').refused)
    assert.equals(5, bidder:shadow('counting').asked)
  end)
end)

describe('a folder of candidates', function()
  local live, candidates
  before_each(function() live, candidates = folders.new(), folders.new() end)
  after_each(function()
    live:remove()
    candidates:remove()
  end)

  local function tea(folder, more, body)
    folder:write('strategies/tea.lua', ("%s return strategy { name = 'tea', %s bid = function(ctx, req, imp) %s end }")
      :format(folder.head or '', more, body))
  end

  local function banner(price)
    return ("return { price = %s, image_url = 'https://c.example/i', click_url = 'https://go.example/' }"):format(price)
  end

  it('runs beside strategies of the same name, and sends nothing', function()
    tea(live, '', banner(1))
    tea(candidates, 'priority = 9,', banner(2))
    local bidder = live:load { candidates = candidates.path }
    local answer = bidder:bid(kit.exoclick.banner())
    assert.bids(answer, { strategy = 'tea', price = 1 })
    assert.equals(1, #answer.bids + #answer.nobids)
    bidder:notice(answer, 'billing')
    local n = bidder:shadow 'shadow:tea'
    assert.same({ 1, 1, 1, 1, 1 }, { n.asked, n.bids, n.beside, n.wins, n.live_wins })
    assert.same({ 0.002, 0.001 }, { n.spend, n.live_spend })
    assert.same({ 0.001, 0 }, { bidder:spent 'tea', bidder:spent 'shadow:tea' })
    assert.equals(0, bidder:shadow('tea').asked)
  end)

  it('has modules, lists and counters of its own, and knows itself by its own name', function()
    for price, folder in pairs { live, candidates } do
      folder:write('lib/price.lua', 'return ' .. price)
      folder:write('lists/zones.txt', 'z' .. price .. '\n')
      folder.head = "local price, zones = require 'lib.price', list 'zones.txt'"
      tea(folder, '', [[
        local same = list 'zones.txt'
        if ctx.incr('seen', 1, '1h') ~= 1 or ctx.strategy ~= 'tea' then return nobid 'mixed' end
        if not (zones:has('z' .. price) and same:has('z' .. price)) then return nobid 'list' end ]] .. banner 'price')
    end
    local bidder = live:load { candidates = candidates.path }
    assert.bids(bidder:bid(kit.exoclick.banner()), { price = 1 })
    local n = bidder:shadow 'shadow:tea'
    assert.same({ 1, 1 }, { n.asked, n.bids })
  end)

  it('may name budgets that only those who bid have, and be switched off', function()
    tea(live, '', banner(1))
    tea(candidates, "limits = { budget = 'elsewhere' },", banner(1))
    candidates:write('strategies/off.lua', "return strategy { name = 'off', enabled = false, bid = function() end }")
    local bidder = live:load { candidates = candidates.path }
    bidder:bid(kit.exoclick.banner())
    assert.same({ 1, 0 }, { bidder:shadow('shadow:tea').asked, bidder:shadow('shadow:off').asked })
  end)

  it('says where what is wrong stands', function()
    tea(live, '', banner(1))
    tea(candidates, 'priorty = 1,', banner(1))
    local good, problem = pcall(live.load, live, { candidates = candidates.path })
    assert.is_false(good)
    assert.matches(candidates.path .. '/strategies/tea.lua:1: priorty: unknown key', problem, 1, true)
    tea(candidates, '', "error 'x'")
    candidates:write('strategies/' .. ('n'):rep(9) .. '.lua',
      ("return strategy { name = '%s', bid = function() end }"):format(('n'):rep(58)))
    good, problem = pcall(live.load, live, { candidates = candidates.path })
    assert.is_false(good)
    assert.matches('name: expected 1 to 57 of', problem, 1, true)
    good, problem = pcall(live.load, live, { candidates = '/nowhere/at/all' })
    assert.is_false(good)
    assert.matches('/nowhere/at/all', problem, 1, true)
  end)

  it('changes the version, as everything does that is loaded', function()
    tea(live, '', banner(1))
    tea(candidates, '', banner(1))
    local first = live:load({ candidates = candidates.path }):version()
    assert.not_equals(live:load():version(), first)
    tea(candidates, '', banner(2))
    assert.not_equals(first, live:load({ candidates = candidates.path }):version())
  end)
end)
