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

  local OPENRTB = [[{"id":"r%d","imp":[{"id":"1","%s":{"w":300,"h":250,"mimes":["video/mp4"]}}],"site":{"id":"s%d"},
    "device":{"ip":"192.0.2.1","geo":{"country":"%s"}},"user":{"id":"u%d"}}]]

  -- Bids of three exchanges, and what becomes of them: sold, lost, seen, clicked, worth something.
  local function traffic()
    server:strategy('a.lua', [[return strategy { name = 'mixed', track_clicks = true, track_impressions = true,
      bid = function(ctx, req, imp)
        local xandr = req.exchange == 'xandr'
        return { price = 2 + ctx.random(5) / 10, image_url = 'https://c.example/i',
          creative_id = xandr and '12345' or 'c' .. ctx.random(2), member_id = xandr and '6' or nil,
          click_url = 'https://go.example/?t={click_token}', advertiser_domains = { 'a.example' },
          vast = imp.format == 'video' and '<VAST version="2.0"/>' or nil,
          data = ctx.arm('colour', req.user.id or req.id or 'x', { red = 50, blue = 50 }) } end }]])
    server:reload()
    for i = 1, 24 do
      local asked = OPENRTB:format(i, i % 3 == 0 and 'video' or 'banner', i % 2, i % 4 == 0 and 'DEU' or 'USA', i)
      local body = server:post('/openrtb/bid', asked).body
      local bid = dkjson.decode(body).seatbid[1].bid[1]
      if i % 4 > 0 then
        assert.equal(200, server:get(path_of(bid.nurl)).status)
        assert.equal(200, server:get((path_of(bid.burl):gsub('%${AUCTION_PRICE}', i % 5 > 0 and '1.5' or 'AUDIT'))).status)
        local image = bid.adm:match 'src="http://[^/]+(/n/[^"]+)" alt'
        if image and i % 3 == 1 then assert.equal(200, server:get(image).status) end
        local click = bid.adm:match 'href="http://[^/]+(/k/[^"]+)"'
        if click and i % 6 == 1 then
          local visit = server:get((click:gsub('&amp;', '&')))
          local token = visit.headers.location:match 't=([%w_-]+)'
          assert.equal(200, server:get('/c/' .. token .. '?value=1.25&id=' .. i).status)
        end
      else
        assert.equal(200, server:get((path_of(bid.lurl):gsub('%${AUCTION_LOSS}', '102'))).status)
      end
      sold(tostring(i % 2 + 7))
    end
    local xandr = Server.shared_data 'xandr-samples/bid-request.bid_request.1.json'
    local data = server:post('/xandr/bid', xandr).body:match '"custom_notify_data":"([^"]+)"'
    assert.equal(200, server:post('/xandr/notify', [[{"notify_request":{"timestamp":"2026-03-02 09:00:00","tags":[{
      "notify_type":"won","price_paid":1.1,"custom_notify_data":"]] .. data .. '"}]}}').status)
  end

  -- What the report must say of events, summed here event by event.
  local function sums_by(key, events)
    local sums = {}
    for _, e in ipairs(events) do
      local hour = os.date('!%Y-%m-%dT%H', math.floor(e.time_ms / 1000))
      local value = ({ day = hour:sub(1, 10), hour = hour, zone = e.zone_id, site = e.site_id, creative = e.creative_id })[key]
      if value == nil then value = e[key] end
      value = value or '-'
      local row = sums[value]
      if not row then
        row = { wins = 0, losses = 0, billings = 0, impressions = 0, clicks = 0, conversions = 0, spend_nanos = 0,
          revenue_nanos = 0 }
        sums[value] = row
      end
      local column = ({ win = 'wins', loss = 'losses', billing = 'billings', impression = 'impressions', click = 'clicks',
        conversion = 'conversions' })[e.type]
      if column then row[column] = row[column] + 1 end
      if e.shown and e.type ~= 'impression' then row.impressions = row.impressions + 1 end
      row.spend_nanos = row.spend_nanos + (e.cost_nanos or 0)
      row.revenue_nanos = row.revenue_nanos + (e.revenue_nanos or 0)
    end
    return sums
  end

  it('agrees with the sum over all events, by every key and in every form, beside the running server', function()
    traffic()
    local events, impressions = {}, 0
    for line in server:ledger():gmatch '[^\n]+' do events[#events + 1] = dkjson.decode(line) end
    for _, key in ipairs { 'strategy', 'version', 'arm', 'day', 'hour', 'exchange', 'endpoint', 'format', 'zone', 'site', 'country',
      'creative', 'data', 'type' } do
      local expected, found = sums_by(key, events), {}
      for _, row in ipairs(rows('--by ' .. key)) do
        local value = row[key] or '-'
        found[value] = {}
        for column in pairs { wins = 1, losses = 1, billings = 1, impressions = 1, clicks = 1, conversions = 1, spend_nanos = 1,
          revenue_nanos = 1 } do
          found[value][column] = row[column]
        end
        if row.impressions > 0 and row.spend_nanos > 0 then
          assert.is_true(math.abs(row.ecpm - row.spend_nanos / 1e6 / row.impressions) < 1e-5, key)
          assert.is_true(math.abs(row.ctr - row.clicks / row.impressions) < 1e-6, key)
        end
        if row.conversions > 0 then
          assert.is_true(math.abs(row.cpa - row.spend_nanos / 1e9 / row.conversions) < 1e-6, key)
        end
        if row.spend_nanos > 0 then assert.is_true(math.abs(row.roi - row.revenue_nanos / row.spend_nanos) < 1e-5, key) end
        if key == 'strategy' then impressions = row.impressions end
      end
      assert.same(expected, found, key)
      local lines = {}
      for line in report('--format csv --by ' .. key):gmatch '[^\r\n]+' do lines[#lines + 1] = line end
      local spend, at = 0, 0
      for name in lines[1]:gmatch '[^,]+' do
        at = at + 1
        if name == 'spend' then break end
      end
      for i = 2, #lines do
        local cells = {}
        for cell in (lines[i] .. ','):gmatch '([^,]*),' do cells[#cells + 1] = cell end
        spend = spend + tonumber(cells[at])
      end
      local total = 0
      for _, row in pairs(expected) do total = total + row.spend_nanos end
      assert.is_true(math.abs(spend - total / 1e9) < 1e-9, key)
      local _, text_lines = report('--by ' .. key):gsub('\n[^#\n]', '')
      if key ~= 'arm' then assert.equal(#lines - 1, text_lines, key) end -- what arms differ in stands behind
    end
    assert.is_true(impressions > 20)
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
