-- ctx.win_rate and ctx.price_for: what a test says of the market, what bids and notices teach, and what is not known.

local kit = require 'moonbid.kit'
local folders = require 'spec.support.folder'

describe('the market that ctx knows', function()
  local folder
  before_each(function() folder = folders.new() end)
  after_each(function() folder:remove() end)

  local ROW = { endpoint = 'exoclick', format = 'banner', rates = { [0.5] = 0.2, [1] = 0.6, [2] = 0.9 } }

  -- What an expression gives, as text.
  local function value(expression, options)
    folder:strategy('', ('local v = %s return nobid(v and ("v%%d"):format(v * 1000 + 0.5) or "unknown")'):format(expression))
    return folder:load(options):bid(kit.exoclick.banner { tokens = { zone_id = '5' } }).nobids[1].reason
  end

  it('is what the test says, and between its prices in between', function()
    assert.equals('v600', value('ctx.win_rate(1)', { market = { ROW } }))
    assert.equals('v400', value('ctx.win_rate(0.7071)', { market = { ROW } }))
    assert.equals('v1000', value('ctx.price_for(0.6)', { market = { ROW } }))
    assert.equals('v500', value('ctx.price_for(0.05)', { market = { ROW } })) -- nothing is known below
    assert.equals('v900', value('ctx.win_rate(2, req.imps[1])', { market = { ROW } }))
  end)

  it('is nil where too little is known', function()
    local few = { endpoint = 'exoclick', format = 'banner', rates = { [1] = 0.5 }, bids = 49 }
    for expression, market in pairs {
      ['ctx.win_rate(1)'] = {}, ['ctx.win_rate(9)'] = { ROW }, ['ctx.win_rate(0.1)'] = { ROW }, ['ctx.price_for(0.95)'] = { ROW },
      ['ctx.win_rate(1.0)'] = { few }, ['ctx.win_rate( 1)'] = { { endpoint = 'exoclick', format = 'push', rates = { [1] = 1 } } },
      ['ctx.win_rate(1 )'] = { { endpoint = 'exoclick', format = 'banner', model = 'cpc', rates = { [1] = 1 } } },
    } do
      assert.equals('unknown', value(expression, { market = market }), expression)
    end
  end)

  it('prefers the place itself to wider ones', function()
    local site = { endpoint = 'exoclick', format = 'banner', size = '300x250', site = '5', rates = { [1] = 0.1 } }
    local all = { endpoint = 'exoclick', format = 'banner', size = '300x250', rates = { [1] = 0.5 } }
    assert.equals('v100', value('ctx.win_rate(1)', { market = { site, all } })) -- zone 5 is its site
    site.site = '6'
    assert.equals('v300', value('ctx.win_rate(1 )', { market = { site, all } })) -- 1,000 bids each, of all sites
  end)

  it('refuses what is no price and no rate', function()
    for _, call in ipairs { 'ctx.win_rate()', 'ctx.win_rate(0)', 'ctx.win_rate(-1)', 'ctx.price_for(0)', 'ctx.price_for(1.1)',
      "ctx.win_rate(1, 'imp')", 'ctx.win_rate(1, req)' } do
      assert.equals('v0', value(('pcall(function() return %s end) and 1 or 0'):format(call)), call)
    end
    assert.has_error(function() folder:load { market = { { endpoint = 'nowhere', format = 'banner', rates = { [1] = 1 } } } } end)
    assert.has_error(function() folder:load { market = { { endpoint = 'exoclick', format = 'banner', rates = { [1] = 2 } } } } end)
  end)

  -- Bids of 1.00, of which each fourth wins, and of 2.00, of which three of four do.
  it('learns from bids and notices, and forgets', function()
    folder:write('strategies/a.lua', [[return strategy { name = 'a', bid = function(ctx, req)
      if req.tokens.ask then
        local rate = ctx.win_rate(tonumber(req.tokens.ask))
        return nobid(rate and ('v%d'):format(rate * 100 + 0.5) or 'unknown')
      end
      return { price = tonumber(req.tokens.p), image_url = 'https://c.example/i', click_url = 'https://go.example/' } end }]])
    local bidder = folder:load()
    local function asked(price)
      return bidder:bid(kit.exoclick.banner { tokens = { ask = price } }).nobids[1].reason
    end
    assert.equals('unknown', asked '1')
    for i = 1, 200 do
      for price, wins in pairs { ['1'] = i % 4 == 0, ['2'] = i % 4 ~= 0 } do
        local answer = bidder:bid(kit.exoclick.banner { tokens = { p = price } })
        if wins then bidder:notice(answer, 'billing') end
      end
    end
    assert.same({ 'v25', 'v75', 'v50' }, { asked '1', asked '2', asked '1.41421' })
    bidder:advance '48h'
    local answer = bidder:bid(kit.exoclick.banner { tokens = { p = '1' } })
    bidder:notice(answer, 'billing')
    assert.equals('unknown', asked '2') -- an eighth of an eighth is left: 12 bids
  end)

  it('is what lib.shading asks for the best price', function()
    folder:write('lib/shading.lua', io.open('scripts/lib/shading.lua'):read '*a')
    folder:write('strategies/a.lua', [[local shading = require 'lib.shading'
      return strategy { name = 'a', bid = function(ctx)
        return nobid(('p%d'):format(shading.best(ctx, 2) * 100 + 0.5)) end }]])
    local function best(market) return folder:load { market = market }:bid(kit.exoclick.banner()).nobids[1].reason end
    assert.equals('p180', best {})
    -- Of 2.00: 0.60 wins 0.2 and leaves 0.28; 1.00 wins 0.6 and leaves 0.60; 1.80 wins 0.9 and leaves 0.18.
    assert.equals('p100', best { { endpoint = 'exoclick', format = 'banner', rates = { [0.6] = 0.2, [1] = 0.6, [1.8] = 0.9 } } })
  end)
end)
