-- Shadow strategies on a real server: they take no more of the CPU than their share, nothing of what they say is sent, and
-- /status shows what they would have done beside what was sent.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

describe('shadow strategies', function()
  local server
  local banner = Server.shared_data 'exoclick-samples/banner-300x250.json'
  after_each(function() server:finish() end)

  local function start(config, burn, flags)
    server = Server.start { config = config, flags = flags, strategies = { ['a.lua'] = ([[
      local function banner(price)
        return { price = price, image_url = 'https://c.example/i', click_url = 'https://go.example/' }
      end
      return {
        strategy { name = 'live', bid = function() return banner(1) end },
        strategy { name = 'candidate', shadow = true, bid = function()
          local x = 0
          for i = 1, %d do x = x + i %% 7 end
          return banner(x >= 0 and 2 or 3) end },
      }]]):format(burn) } }
  end

  local function status() return dkjson.decode(server:admin('GET', '/status').body) end

  local function row(name)
    for _, strategy in ipairs(status().strategies) do if strategy.name == name then return strategy end end
  end

  it('are shown all that is asked for, and told by notices', function()
    start('shadow = { rate = 1, cpu_share = 1 },', 1)
    for _ = 1, 50 do
      local answer = server:post('/exoclick/bid', banner)
      assert.matches('"value":"?1%.?0*"?[,}]', answer.body)
      assert.equal(200, server:get(dkjson.decode(answer.body).bid.bUrl:match '^https?://[^/]+(/.*)$').status)
    end
    Server.poll('all notices are settled', 10, function() return row('live').events.billing == 50 end)
    local n = row('candidate').shadow
    assert.same({ 50, 50, 50, 50, 50 }, { n.asked, n.bids, n.beside, n.wins, n.live_wins })
    assert.same({ 50 * 2000000, 50 * 1000000 }, { n.spend_nanos, n.live_spend_nanos })
    assert.same({ 0, 0, '0' }, { row('candidate').bids, row('candidate').calls, row('candidate').spend.total })
    assert.is_nil(row('live').shadow)
    assert.equal(50, status().shadow.shown)
  end)

  it('keep within their share of the CPU, and the rest is skipped and counted', function()
    start('shadow = { rate = 1, cpu_share = 0.1 }, script = { cpu_ms = 100 },', 100000) -- about a millisecond
    local worker = server:workers()[1].pid
    local function cpu_s() -- of all its threads; utime and stime in hundredths
      local text = Server.read_file(('/proc/%d/stat'):format(worker))
      local u, s = text:match '.*%) %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%d+) (%d+)'
      return (u + s) / 100
    end
    local connection = server:connect()
    for _ = 1, 3000 do server:post('/exoclick/bid', banner, connection) end
    local n = status().shadow
    assert.equal(3000, n.shown + n.skipped)
    assert.is_true(n.skipped > n.shown and n.shown > 0)
    -- One call may begin within the share and end beyond it; the clock of /proc counts in hundredths.
    assert.is_true(n.cpu_ns / 1e9 <= 0.1 * cpu_s() + 0.02, n.cpu_ns)
  end)

  it('come from a folder of candidates too, are checked with the scripts and changed by a reload', function()
    local folder = io.popen('mktemp -d'):read '*l'
    finally(function() os.execute('rm -r ' .. folder) end)
    local file = folder .. '/strategies/live.lua'
    local function write(price)
      Server.write_file(file, ([[return strategy { name = 'live', bid = function()
        return { price = %s, image_url = 'https://c.example/i', click_url = 'https://go.example/' } end }]]):format(price))
    end
    local function metric(name)
      return tonumber(server:admin('GET', '/metrics').body:match('\n' .. name .. '{strategy="shadow:live"} (%d+)'))
    end
    os.execute('mkdir ' .. folder .. '/strategies')
    write '2'
    start(("shadow = { rate = 1, cpu_share = 1, scripts = '%s' },"):format(folder), 1)
    for _ = 1, 10 do
      local answer = server:post('/exoclick/bid', banner)
      server:get(dkjson.decode(answer.body).bid.bUrl:match '^https?://[^/]+(/.*)$')
    end
    Server.poll('all notices are settled', 10, function() return row('live').events.billing == 10 end)
    local n = row('shadow:live').shadow
    assert.same({ 10, 10, 10, 20000000 }, { n.asked, n.bids, n.wins, n.bid_micros })
    assert.same({ 10, 10, 10 * 2000000, 10 * 1000000 }, { metric 'moonbid_shadow_bids_total', metric 'moonbid_shadow_wins_total',
      metric 'moonbid_shadow_spend_nanos_total', metric 'moonbid_shadow_live_spend_nanos_total' })
    assert.equal(file, row('shadow:live').file)
    assert.is_nil(row('live').shadow)

    write '= 3'
    server:expect_error(file)
    server:reload()
    assert.equal('refused', status().last_reload.outcome)
    assert.matches(file .. ':2: ', status().last_reload.error, 1, true)
    write '3'
    server:reload()
    assert.equal('loaded', status().last_reload.outcome)
    server:post('/exoclick/bid', banner)
    assert.equal(23000000, row('shadow:live').shadow.bid_micros)
  end)

  it('in a folder of candidates are taken as they are saved, by serve --watch', function()
    local folder = io.popen('mktemp -d'):read '*l'
    finally(function() os.execute('rm -r ' .. folder) end)
    local function write(name)
      Server.write_file(folder .. '/strategies/a.lua',
        ("return strategy { name = '%s', bid = function() return nobid 'x' end }"):format(name))
    end
    os.execute('mkdir ' .. folder .. '/strategies')
    write 'first'
    start(("shadow = { scripts = '%s' },"):format(folder), 1, '--watch')
    assert.is_table(row 'shadow:first')
    for _, name in ipairs { 'second', 'third' } do
      if name == 'third' then -- another folder of that name, as a checkout may leave it
        os.execute(('mv %s %s.old && mkdir -p %s/strategies && rm -r %s.old'):format(folder, folder, folder, folder))
      end
      write(name)
      Server.poll('the candidate ' .. name .. ' is taken', 10, function() return row('shadow:' .. name) end)
    end
  end)

  it('stand in the report beside what was won and spent, and in no row of it', function()
    start('shadow = { rate = 1, cpu_share = 1 },', 1)
    local function report(flags)
      local output, code = Server.run(('report --data %s/data %s'):format(server.folder, flags), server.folder)
      assert.equal(0, code, output)
      return output
    end
    local function json(flags) return dkjson.decode(report('--format json ' .. flags)) end
    for i = 1, 7 do
      local answer = server:post('/exoclick/bid', banner)
      if i > 2 then server:get(dkjson.decode(answer.body).bid.bUrl:match '^https?://[^/]+(/.*)$') end
    end
    Server.poll('all notices are settled', 10, function() return row('live').events.billing == 5 end)
    server:finish 'keep'

    for _, by in ipairs { 'strategy', 'exchange,strategy,format', 'strategy,endpoint,version' } do
      local told = json('--by ' .. by)
      assert.same({ 1, 'live', 7, '0.005' }, { #told.rows, told.rows[1].strategy, told.rows[1].bids, told.rows[1].spend })
      local n = told.shadows[1]
      assert.same({ 1, 'candidate', 7, 7, 7, 5, 0, 0, 5, 2 }, { #told.shadows, n.strategy, n.asked, n.bids, n.beside, n.wins,
        n.losses, n.unknown, n.live_wins, n.average_bid })
      assert.same({ '0.01', 10000000, '0.005', 5000000 }, { n.spend, n.spend_nanos, n.live_spend, n.live_spend_nanos })
    end
    local all = json '--by format'
    assert.same({ 1, 7, 'banner', 7 }, { #all.rows, all.rows[1].bids, all.shadows[1].format, all.shadows[1].bids })
    assert.is_nil(json('--by strategy,zone').shadows) -- not told by zone
    assert.equal(1, #json('--by strategy,reason').rows)
    local _, _, first, second = report(''):find('^(strategy +requests .-)\n\n# shadows: .-\n(strategy +asked .*)$')
    assert.is_nil(first:find('candidate', 1, true))
    assert.matches('\ncandidate +7 +7 +7 +5 +0 +0 +5 +%d+ +%d+ +0%.01 +0%.005 +', second)
    assert.is_nil(second:find('live ', 1, true))
    local lines = {}
    for line in report('--format csv'):gmatch '[^\r\n]+' do lines[#lines + 1] = line end
    assert.matches('^strategy,requests,.*,ecpm,shadow_asked,shadow_bids,.*,shadow_spend,shadow_live_spend,', lines[1])
    assert.matches('^candidate,,0,.*,7,7,7,5,0,0,5,', lines[3])
    assert.equal(3, #lines)
  end)

  it('are not asked where the share is 0', function()
    start('shadow = { rate = 0 },', 1)
    for _ = 1, 20 do server:post('/exoclick/bid', banner) end
    assert.equal(0, row('candidate').shadow.asked)
  end)
end)
