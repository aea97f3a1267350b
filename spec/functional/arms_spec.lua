-- An experiment from ctx.arm to the report: exposures are counted with the call, bids and events with their arm, and
-- differences are what a count beside the server gives.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

describe('moonbid report --by arm', function()
  local server
  local banner = Server.shared_data 'exoclick-samples/banner-300x250.json'
  local USERS = 240

  teardown(function() server:finish() end)

  local function path_of(url) return url:match '^https?://[^/]+(/.*)$' end

  local function report(flags)
    local output, status = Server.run(('report --data %s/data %s'):format(server.folder, flags), server.folder)
    assert.equal(0, status, output)
    return output
  end

  -- Red bids always and wins each second time; blue, at twice the price, bids on two users of three and wins always.
  local seen = { red = { exposures = 0, bids = 0, wins = 0 }, blue = { exposures = 0, bids = 0, wins = 0 } }
  setup(function()
    server = Server.start { strategies = { ['a.lua'] = [[return strategy { name = 'probe',
      bid = function(ctx, req)
        local arm = ctx.arm('colour', req.tokens.u, { red = 50, blue = 50 })
        assert(arm == ctx.arm('colour', req.tokens.u, { red = 50, blue = 50 })) -- asked twice, shown once
        if arm == 'blue' and tonumber(req.tokens.u) % 3 == 0 then return nobid 'shy' end
        return { price = arm == 'red' and 1 or 2, image_url = 'https://c.example/' .. arm,
          click_url = 'https://go.example/' }
      end }]] } }
    for user = 1, USERS do
      local answer = server:post('/exoclick/bid?u=' .. user, banner)
      local bid = answer.status == 200 and dkjson.decode(answer.body).bid
      local arm = bid and answer.body:match 'c%.example\\?/(%a+)' or 'blue'
      local count = seen[arm]
      count.exposures = count.exposures + 1
      if bid then
        count.bids = count.bids + 1
        if arm == 'blue' or count.bids % 2 == 0 then
          count.wins = count.wins + 1
          assert.equal(200, server:get(path_of(bid.bUrl)).status)
        end
      end
    end
    server:finish 'keep' -- what is not a minute old is written at the end
  end)

  it('counts what each arm was shown to, bid and won', function()
    local by = {}
    for _, row in ipairs(dkjson.decode(report '--by strategy,arm --format json').rows) do by[row.arm or 'none'] = row end
    local experiments = dkjson.decode(report '--by strategy,arm --format json').experiments
    assert.equal(1, #experiments)
    local e = experiments[1]
    assert.same({ 'probe', 'blue', 'fits' }, { e.strategy, e.control, e.sample_ratio })
    assert.is_true(e.p > 0.001)
    for _, arm in ipairs(e.arms) do
      assert.same({ seen[arm.arm].exposures, 0.5 }, { arm.exposures, arm.share })
      assert.equal(0, by[arm.arm].nobids) -- of a no-bid the arm is told by its exposure
      assert.same({ seen[arm.arm].bids, seen[arm.arm].wins }, { by[arm.arm].bids, by[arm.arm].billings })
    end
    assert.equal(USERS, e.arms[1].exposures + e.arms[2].exposures)
    local by_figure = {}
    for _, d in ipairs(e.arms[2].differences) do by_figure[d.figure] = d end
    local red, blue = seen.red, seen.blue
    local win_rate, bid_rate, spend = by_figure.win_rate, by_figure.bid_rate, by_figure.spend_per_1000_bids
    assert.same({ 1, 'lower' }, { win_rate.control, win_rate.verdict })
    assert.near(red.wins / red.bids, win_rate.arm, 1e-12)
    assert.is_true(win_rate.low < win_rate.arm - 1 and win_rate.arm - 1 < win_rate.high and win_rate.high < 0)
    assert.near(blue.bids / blue.exposures, bid_rate.control, 1e-12)
    assert.same({ 1, 'higher' }, { bid_rate.arm, bid_rate.verdict })
    -- Each blue bid costs 2 a thousand, so does no variance: the whole of it is red's, whose wins cost 1.
    local p = red.wins / red.bids
    local reach = 1.959963984540054 * math.sqrt(p * (1 - p) / (red.bids - 1))
    assert.near(p - 2 - reach, spend.low, 1e-9)
    assert.near(p - 2 + reach, spend.high, 1e-9)
    assert.same({ 'not enough data' }, { by_figure.ctr.verdict })
  end)

  it('shows it as text, and as CSV of one table', function()
    local text = report '--by strategy,arm'
    assert.matches('# arms against blue, strategy probe: differences, with 95 %% intervals', text)
    assert.matches('\nred +win_rate +1.000000 +0%.%d+ +%-0.%d+ +%-0.%d+ +%-0.%d+  lower\n', text)
    assert.matches('\n# exposures fit the weights %(p 0.%d+%): blue %d+ of weight 50.00 %%, red %d+ of weight 50.00 %%\n', text)
    assert.matches('# arms against red,', report '--by strategy,arm --control red')
    local lines = {}
    for line in report('--by arm,strategy --format csv'):gmatch '[^\r\n]+' do lines[#lines + 1] = line end
    local commas = {}
    for i, line in ipairs(lines) do commas[i] = select(2, line:gsub(',', '')) end
    assert.same({ commas[1], commas[1], commas[1], commas[1] }, commas) -- no-bids of no arm as well
    assert.matches(',exposures,share,sample_ratio,bid_rate_difference,', lines[1])
    assert.matches((',%d,0.500000,fits,'):format(seen.red.exposures), table.concat(lines, ' '), 1, true)
    assert.not_matches('exposures', report '--by strategy --format csv')
  end)
end)
