-- Live traffic is recorded, and decided again as it was.
--
-- MOONBID_RECORDED=100000 records as many requests of the simulated exchange as a day's sample may have.
local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

local REQUESTS = tonumber(os.getenv 'MOONBID_RECORDED' or '4000')
local VISITS = 16 -- each with connections of its own: all to one of two workers is 1 chance in 32,768
local EXCHANGE = assert(os.getenv 'MOONBID_EXCHANGE_BIN', 'MOONBID_EXCHANGE_BIN names the simulated exchange')

-- `steady` hangs on all that a tape has to say; `moody` on what it keeps to itself, which a reload begins anew.
local STEADY = [==[
  return strategy {
    name = 'steady', target = { format = { 'banner', 'popunder' } },
    limits = {
      max_bid = { cpm = 9 }, daily = 100, per = { key = 'creative', total = 0.03 },
    },
    bid = function(ctx, req, imp)
      local seen = ctx.incr('seen:' .. (req.user.id or 'nobody'), 1, '1h')
      local price = 0.5 + ctx.random() + seen / 100 + math.min(ctx.spend 'day', 1)
      if ctx.arm('high', req.user.id or '', { a = 50, b = 50 }) == 'b' then price = price + 0.2 end
      if ctx.time_left() < -1e9 then return nobid 'late' end
      if ctx.get 'shared:moods' % 5 == 4 then return nobid 'mood' end
      if (req.geo.country or 'DE') ~= 'DE' and ctx.random() < 0.3 then return nobid 'abroad' end
      return {
        price = price * FACTOR, width = imp.width, height = imp.height, image_url = 'https://cdn.example/b.jpg',
        click_url = 'https://go.example/', url = 'https://go.example/',
        markup = '<a href="https://go.example/"><img src="https://cdn.example/b.jpg"></a>',
        creative_id = 'c1', member_id = imp.members and imp.members[1], data = 'u' .. (req.user.id or ''),
      }
    end,
  }
]==]

local MOODY = [==[
  local count = 0
  return strategy {
    name = 'moody', priority = -1, target = { format = { 'banner', 'popunder' } },
    bid = function(ctx, req, imp)
      count = count + 1
      ctx.incr('shared:moods', 1, '1h')
      if count % 3 == 0 then return nobid 'mood' end
      return {
        price = 0.1 + count / 1e6, width = imp.width, height = imp.height, image_url = 'https://cdn.example/b.jpg',
        click_url = 'https://go.example/', url = 'https://go.example/', creative_id = 'm1',
        markup = '<a href="https://go.example/"><img src="https://cdn.example/b.jpg"></a>',

        member_id = imp.members and imp.members[1],
      }
    end,
  }
]==]

local CAPPED = [==[
  return strategy {
    name = 'capped', priority = 1, target = { format = { 'popunder' } },
    limits = { frequency = { count = 2, per = '24h', key = { 'strategy' } } },
    bid = function() return { price = 3, url = 'https://go.example/' } end,
  }
]==]

local function strategies(factor)
  return {
    ['capped.lua'] = CAPPED,
    ['steady.lua'] = STEADY:gsub('FACTOR', factor), ['moody.lua'] = MOODY,
  }
end

local function config(recorder) return "workers = 2, rates = { EUR = 1.08 }, recorder = { " .. recorder .. " }," end

local function traffic(server, arguments)
  local status = os.execute(('"%s" --target 127.0.0.1:%d --seconds 0 --rate 0 --openrtb-xandr "" %s >/dev/null 2>&1')
    :format(EXCHANGE, server.port, arguments))
  assert(status == 0 or status == true, 'the exchange found something wrong')
end

local function folder_of(server) return server.folder .. '/data/recordings' end

local function replay(server, more)
  return Server.run(('replay --config %s/moonbid.conf.lua %s'):format(server.folder, more or ''))
end

-- All records of that type, by a reader that shares nothing with ours.
local function records(server, kind)
  local pipe = assert(io.popen('zcat -f ' .. folder_of(server) .. '/*.gz 2>/dev/null'))
  local found = {}
  for line in pipe:lines() do
    local record = line:find('{"type":"' .. kind .. '"', 1, true) == 1 and dkjson.decode(line)
    if record then found[#found + 1] = record end
  end
  pipe:close()
  return found
end

local function metric(server, name)
  return tonumber(server:admin('GET', '/metrics').body:match('\n' .. name .. ' (%d+)'))
end

-- All that has happened is in the files.
local function stop(server)
  server:signal 'TERM'
  assert.equal(0, server:wait_exit(20))
end

describe('a recording', function()
  local server

  after_each(function() server:finish() end)

  it('of two workers over a reload is decided again as it was, but by a strategy that keeps state', function()
    server = Server.start { strategies = strategies '1', config = config 'rate = 1' }
    local steadily = '--rate 6000 --requests ' -- whoever records all of it is not sent all he can bid on
    for seed = 1, VISITS do
      traffic(server, ('--seed %d %s%d'):format(seed, steadily, REQUESTS / 2 / VISITS))
    end
    server:admin('POST', '/strategies/moody/pause')
    server:strategy('moody.lua', MOODY .. '-- edited')
    server:reload()
    traffic(server, ('--seed %d %s%d'):format(VISITS + 1, steadily, REQUESTS / 2))
    assert.equal(0, metric(server, 'moonbid_recorder_dropped_total'))
    stop(server)

    -- On one thread both workers' requests meet one count; on several they may happen to be apart, as they were live.
    local output, status = replay(server, '--threads 1')
    assert.equal(1, status, output)
    assert.truthy(output:find('^' .. REQUESTS .. ' requests, '), output)
    assert.truthy(output:find('note: ' .. REQUESTS / 2 .. ' requests were recorded with other scripts', 1, true), output)
    assert.truthy(output:find '\n  moody: %d+ of %d+ decisions differ', output)
    assert.falsy(output:find('\n  steady', 1, true), output)
    assert.falsy(output:find('\n  capped', 1, true), output)

    -- The guard had its say, and what became of bids is there.
    local reads, seen = {}, {}
    for _, record in ipairs(records(server, 'request')) do
      for _, read in ipairs(record.read or {}) do reads[read[1]] = (reads[read[1]] or 0) + 1 end
      for _, did in ipairs(record.did or {}) do seen[did.strategy .. ':' .. (did.no or did.own or 'bid')] = true end
    end
    for _, kind in ipairs { 'may', 'frequency', 'per', 'incr', 'get', 'spend', 'arm', 'time_left' } do
      assert.truthy(reads[kind], kind .. ' was never read')
    end
    for _, word in ipairs { 'bid', 'budget', 'mood' } do assert.truthy(seen['steady:' .. word], word) end
    assert.is_true(#records(server, 'outcome') > 50)
  end)

  it('tells what a changed strategy changes, as a count over the recording does', function()
    server = Server.start { strategies = strategies '1', config = config 'rate = 1' }
    traffic(server, '--requests 1500')
    stop(server)
    local bids, other = 0, 0
    for _, record in ipairs(records(server, 'request')) do
      for _, did in ipairs(record.did or {}) do
        local sent = not did.no and not did.own
        if did.strategy == 'steady' and sent then bids = bids + 1 end
        if did.strategy == 'steady' and did.price and not sent then other = other + 1 end
      end
    end
    server:strategy('steady.lua', (STEADY:gsub('FACTOR', '1.5')))
    local output, status = replay(server)
    assert.equal(1, status)
    assert.equal(bids, tonumber(output:match '\n  steady:[^\n]* price up (%d+)'), output)
    assert.is_nil(output:match '\n  steady:[^\n]*price down')
    assert.is_true(bids > 30, bids)
  end)

  it('hides addresses, users and e-mails, and is decided again all the same', function()
    local lua = [==[return strategy {
      name = 'personal', limits = { frequency = { count = 1, per = '1h', key = { 'ip', 'user' } } },
      bid = function(ctx, req)
        if not req.user.id or not req.device.ip then return nobid 'unknown' end
        if req.user.email_hash and #req.user.email_hash ~= 16 then return nobid 'hash' end
        return { price = 1 + ctx.incr('u:' .. req.user.id .. ':' .. req.device.ip, 1, '1h') / 10,
          url = 'https://go.example/', data = req.user.email_hash }
      end }]==]
    server = Server.start { strategies = { ['a.lua'] = lua }, config = config 'rate = 1' }
    for i = 1, 20 do
      local body = dkjson.encode { id = 'r' .. i, type = 'popunder', ip = '203.0.113.7', language = 'en', ua = 'Firefox',
        user_id = 'user-77-secret', el = 'someone@mail.example' }
      assert.equal(200, server:post('/exoclick/bid?zone=1&user_id=user-77-secret&ip=203.0.113.7', body).status)
    end
    stop(server)
    local all = {}
    for _, record in ipairs(records(server, 'request')) do all[#all + 1] = dkjson.encode(record) end
    local text = table.concat(all, '\n')
    assert.equal(20, #all)
    for _, secret in ipairs { 'user%-77', '203%.0%.113%.7', 'mail%.example' } do assert.is_nil(text:match(secret), secret) end
    assert.truthy(text:find('203.0.113.0', 1, true))
    local output, status = replay(server)
    assert.equal(0, status, output)
    assert.truthy(output:find('\nidentical', 1, true), output)
  end)

  it('is readable when its writer was killed', function()
    server = Server.start { strategies = strategies '1', config = config 'rate = 1' }
    traffic(server, '--requests 500')
    Server.poll('all is in the files', 10, function() return replay(server):find '^500 requests' end)
    for _, worker in ipairs(server:workers()) do os.execute('kill -9 ' .. worker.pid) end
    Server.poll('the workers are back', 10, function()
      local ok, list = pcall(server.workers, server)
      return ok and #list == 2 and list[1].state == 'serving' and list[2].state == 'serving'
    end)
    traffic(server, '--seed 3 --requests 100')
    stop(server)
    local output = replay(server)
    assert.truthy(output:find '^600 requests', output)
    assert.truthy(output:find('recordings end in the middle', 1, true), output)
  end)

  it('takes its share of the requests, and none where none is wanted', function()
    server = Server.start { strategies = strategies '1', config = config 'rate = 0.1' }
    traffic(server, '--requests 3000')
    local count = metric(server, 'moonbid_recorder_requests_total')
    assert.is_true(count > 220 and count < 390, count)
    server:config(config 'rate = 0')
    server:reload()
    traffic(server, '--seed 2 --requests 200')
    assert.equal(count, metric(server, 'moonbid_recorder_requests_total'))
  end)

  it('that cannot be written changes nothing but a counter', function()
    server = Server.start { strategies = strategies '1', config = config 'rate = 1' }
    Server.write_file(folder_of(server), 'in the way')
    traffic(server, '--requests 200')
    Server.poll('the loss is counted', 10, function() return metric(server, 'moonbid_recorder_failed_total') > 0 end)
    assert.truthy(server:log():find('recorder cannot write', 1, true))
  end)
end)
