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
    assert.same({ 2.5, 0.0075, 3, 0.333333 }, { dear.ecpm, dear.cpa, dear.impressions, dear.ctr })
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
    assert.matches('^strategy +requests +bids +nobids +wins +losses +billings .-\ndear +%- +%d +%d +0 +0 +1 +1 +0 +0 +0.0025 ',
      report())
    local lines = {}
    for line in report('--by strategy,data --format csv'):gmatch '[^\r\n]+' do lines[#lines + 1] = line end
    assert.matches('^strategy,data,requests,bids,nobids,wins,losses,billings,impressions,clicks,conversions,spend,revenue,',
      lines[1])
    assert.matches('^dear,"red, ""big""",,,,0,0,1,1,0,0,0.0025,0,', lines[2]) -- bids are not counted by data
    assert.matches('\n# bids and no%-bids are not counted by data', report '--by data')
  end)

  local function kill(pid) os.execute(('kill -KILL %d'):format(pid)) end

  -- A strategy whose target does not fit says nothing; `picky` says no to zone 2, in its own words.
  it('counts each bid and no-bid once, whoever is killed meanwhile', function()
    server:strategy('b.lua', [[return strategy { name = 'picky', target = { zone = { '2' } },
      bid = function() return nobid 'dull' end }]])
    server:reload()
    for round = 1, 6 do
      for zone = 1, 3 do -- nobody wants zone 3
        server:post('/exoclick/bid?zone_id=' .. zone, banner)
      end
      assert.equal(400, server:post('/exoclick/bid?zone_id=1', '{').status) -- is no request
      if round % 2 == 0 then
        local worker = server:workers()[1].pid
        kill(worker)
        Server.poll('another worker serves', 10, function()
          local ok, workers = pcall(server.workers, server)
          return ok and workers[1].pid ~= worker and workers[1].state == 'serving'
        end)
      else
        local keeper = server:bookkeeper()
        kill(keeper)
        Server.poll('another bookkeeper writes', 10, function() return server:bookkeeper() ~= keeper end)
      end
    end
    server:finish 'keep' -- what is not a minute old is written at the end
    local by = {}
    for _, row in ipairs(rows()) do by[row.strategy] = row end
    assert.same({ 6, 0, 2.5 }, { by.dear.bids, by.dear.nobids, by.dear.average_bid })
    assert.same({ 6, 0, 0.1 }, { by.cheap.bids, by.cheap.nobids, by.cheap.average_bid })
    assert.same({ 0, 6 }, { by.picky.bids, by.picky.nobids })
    assert.equal(18, rows('--by exchange')[1].requests)
    by = {}
    for _, row in ipairs(rows '--by reason') do by[row.reason or 'bid'] = row end
    assert.equal(6, by.dull.nobids)
    by = {}
    for _, row in ipairs(rows '--by format,zone') do by[row.zone or 'none'] = row end
    assert.same({ 'banner', 6, 6, 0 }, { by['1'].format, by['1'].requests, by['1'].bids, by['1'].nobids })
    assert.same({ 6, 6, 6 }, { by['2'].requests, by['2'].bids, by['2'].nobids })
    assert.same({ 6, 0, 0 }, { by['3'].requests, by['3'].bids, by['3'].nobids })
    assert.equal(0, #rows '--until 2020-01-01')
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
