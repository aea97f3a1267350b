-- What a trader reads in the evening: the ledger's money and events, exactly.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

describe('moonbid report', function()
  local server
  local banner = Server.shared_data 'exoclick-samples/banner-300x250.json'

  before_each(function()
    server = Server.start { strategies = { ['a.lua'] = [[return {
      strategy { name = 'dear', target = { zone = { '1' } }, track_clicks = true,
        bid = function() return { price = 2.5, image_url = 'https://c.example/i', data = 'red, "big"',
          click_url = 'https://go.example/?t={click_token}' } end },
      strategy { name = 'cheap', target = { zone = { '2' } },
        bid = function() return { price = 0.1, image_url = 'https://c.example/i', click_url = 'https://go.example/' } end },
    }]] } }
  end)
  after_each(function() server:finish() end)

  local function report(flags)
    local output, status = Server.run(('report --data %s/data %s'):format(server.folder, flags or ''), server.folder)
    assert.equal(0, status, output)
    return output
  end

  local function rows(flags) return dkjson.decode(report('--format json ' .. (flags or ''))).rows end

  local function path_of(url) return url:match '^https?://[^/]+(/.*)$' end

  -- A bid that was paid; gives its landing URL.
  local function sold(zone)
    local bid = dkjson.decode(server:post('/exoclick/bid?zone_id=' .. zone, banner).body).bid
    assert.equal(200, server:get(path_of(bid.bUrl)).status)
    return bid.clickUrl
  end

  it('adds up spend, clicks and conversions by strategy, most spend first', function()
    local landing
    for _ = 1, 3 do landing = sold '1' end
    sold '2'
    local visit = server:get(path_of(landing))
    assert.equal(302, visit.status)
    local token = visit.headers.location:match 't=([%w_-]+)'
    Server.poll('the click is recorded', 5, function() return rows()[1].clicks == 1 end)
    assert.equal(200, server:get('/c/' .. token .. '?value=0.5&id=o1').status)
    local dear, cheap = unpack(rows())
    assert.same({ 'dear', 3, 1, 1, '0.0075', 7500000, '0.5', 500000000 },
      { dear.strategy, dear.billings, dear.clicks, dear.conversions, dear.spend, dear.spend_nanos, dear.revenue,
        dear.revenue_nanos })
    assert.same({ 2.5, 0.0075, 3, 0.333333 }, { dear.average_bid, dear.cpa, dear.impressions, dear.ctr })
    assert.same({ 'cheap', 100000, nil }, { cheap.strategy, cheap.spend_nanos, cheap.cpa })
  end)

  it('tells rows apart by what one asks for', function()
    sold '1'
    sold '2'
    local by_zone = rows '--by zone,type,day'
    local row = by_zone[1]
    assert.same({ '1', 'billing', os.date '!%Y-%m-%d' }, { row.zone, row.type, row.day })
    assert.equal(2, #by_zone)
    assert.same({ 'red, "big"', nil }, { rows('--by data')[1].data, rows('--by arm')[1].arm })
    assert.equal(2, #rows '--since 1h')
    assert.equal(0, #rows '--since 2100-01-01T00:00')
  end)

  it('prints a table, or CSV', function()
    sold '1'
    assert.matches('^strategy  wins  losses  billings .-\ndear +0 +0 +1 +1 +0 +0 +0.0025 ', report())
    local lines = {}
    for line in report('--by strategy,data --format csv'):gmatch '[^\r\n]+' do lines[#lines + 1] = line end
    assert.matches('^strategy,data,wins,losses,billings,impressions,clicks,conversions,spend,revenue,', lines[1])
    assert.matches('^dear,"red, ""big""",0,0,1,1,0,0,0.0025,0,', lines[2])
  end)

  it('says what is wrong', function()
    for flags, said in pairs {
      ['--by nothing'] = "--by: 'nothing'", ['--format xml'] = '--format: expected', ['--since yesterday'] = '--since: expected',
    } do
      local output, status = Server.run('report ' .. flags, server.folder)
      assert.equal(2, status)
      assert.matches(said, output, 1, true)
    end
    local output, status = Server.run('report --data /nonexistent', server.folder)
    assert.equal(3, status)
    assert.matches('/nonexistent', output, 1, true)
  end)
end)
