-- What an operator sees on the admin listener.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

local STRATEGIES = {
  ['a.lua'] = [[
    return {
      strategy { name = 'banner', target = { format = { 'banner' } },
        bid = function() return { price = 0.5, image_url = 'https://cdn.example/b.png',
                                  click_url = 'https://go.example/' } end },
      strategy { name = 'picky', bid = function() return nobid 'qps' end },
    }
  ]],
}

describe('pausing', function()
  local server
  local request = Server.shared_data 'exoclick-samples/banner-300x250.json'
  local function strategy(name)
    return ("return strategy { name = '%s', bid = function() return { price = 1, image_url = 'https://c.example/i', "
      .. "click_url = 'https://c.example/' } end }"):format(name)
  end

  before_each(function()
    server = Server.start { strategies = { ['a.lua'] = strategy 'a', ['b.lua'] = strategy 'b' } }
  end)
  after_each(function() server:finish() end)

  local function status() return server:post('/exoclick/bid', request).status end

  it('stops one strategy or all, over a restart too, until resumed', function()
    local at = ' --admin 127.0.0.1:' .. server.admin_port .. ' --config ' .. server.folder .. '/moonbid.conf.lua'
    assert.same({ 'paused\n', 0 }, { Server.run('pause a' .. at) })
    assert.equal(200, status())
    assert.same({ 'paused\n', 0 }, { Server.run('pause b' .. at) })
    assert.equal(204, status())
    server:finish 'keep'
    server.port = nil
    server:spawn()
    assert.equal(204, status())
    assert.matches('"nobids":{"paused":1}', server:admin('GET', '/status').body, 1, true)
    assert.matches('"resumed"', server:admin('POST', '/strategies/b/resume').body, 1, true)
    assert.equal(200, status())
    assert.matches('"paused"', server:admin('POST', '/pause').body, 1, true)
    assert.equal(204, status())
    assert.equal(200, server:admin('POST', '/resume').status)
    assert.equal(200, status())
    assert.matches('"name":"a".-"paused":true', server:admin('GET', '/status').body)
  end)

  it('has a page with buttons, that needs nothing from elsewhere', function()
    local answer = server:admin('GET', '/')
    assert.equal(200, answer.status)
    assert.matches('^text/html', answer.headers['content-type'])
    assert.matches("default-src 'none'", answer.headers['content-security-policy'], 1, true)
    assert.is_nil(answer.body:match 'https?://')
    for path in answer.body:gmatch 'data%-path="(/%w+)"' do
      assert.equal(200, server:admin('POST', path).status, path)
    end
    assert.equal(204, server:admin('POST', '/pause').status == 200 and status())
    server:admin('POST', '/resume')
  end)

  it('obeys no page of another site', function()
    local function ask(origin)
      local connection = server:connect(server.admin_port)
      local headers = ('Origin: %s\r\n'):format(origin)
      local answer = server:request('POST', '/resume', nil, connection, headers)
      connection:close()
      return answer.status
    end
    for _, origin in ipairs { 'https://evil.example', 'null', 'http://bidder.evil.example', 'http://bidder:1' } do
      assert.equal(403, ask(origin), origin)
    end
    assert.equal(200, ask 'http://bidder') -- the Host that the spec's requests carry
  end)

  it('knows no other strategies and no other method', function()
    assert.equal(404, server:admin('POST', '/strategies/c/pause').status)
    assert.equal(405, server:admin('GET', '/strategies/a/pause').status)
    assert.equal(404, server:admin('POST', '/strategies/a/pause/x').status)
    assert.equal(404, server:admin('POST', '/strategies//pause').status)
    local output, code = Server.run('pause c --admin 127.0.0.1:' .. server.admin_port)
    assert.same({ 'moonbid: no such strategy\n', 1 }, { output, code })
    for _, wrong in ipairs { 'pause', 'resume', 'pause a --all' } do
      assert.equal(2, select(2, Server.run(wrong .. ' --admin 127.0.0.1:1')))
    end
  end)
end)

describe('the admin listener', function()
  local server
  local banner = Server.shared_data 'exoclick-samples/banner-300x250.json'

  local function start(config) server = Server.start { strategies = STRATEGIES, config = config } end
  after_each(function() server:finish() end)

  it('tells the status as JSON', function()
    start()
    local bid = dkjson.decode(server:post('/exoclick/bid', banner).body).bid
    assert.equal(200, server:get(bid.bUrl:match '/n/.*').status)
    local answer = server:admin('GET', '/status')
    assert.equal('application/json', answer.headers['content-type'])
    local status = dkjson.decode(answer.body)
    assert.matches('^%x+$', status.scripts.version)
    assert.equal(dkjson.null, status.last_reload or dkjson.null)
    local rows = {}
    for _, row in ipairs(status.strategies) do rows[row.name] = row end
    assert.same({ 1, 1, 1, '0.0005', 500000 }, {
      rows.banner.calls, rows.banner.bids, rows.banner.events.billing, rows.banner.spend.day, rows.banner.spend_nanos,
    })
    assert.same({ {}, { qps = 1 } }, { rows.picky.nobids, rows.picky.own_nobids })
  end)

  it('gives metrics in which every series stands once', function()
    start()
    server:post('/exoclick/bid', banner)
    server:post('/exoclick/bid', 'broken')
    server:post('/exoclick/bid', (banner:gsub('"user_id": *"[^"]*"', '"user_id":7')))
    local slips = { number_for_string = 1 } -- what an exchange sent otherwise than its own pages say
    assert.same(slips, dkjson.decode(server:admin('GET', '/status').body).endpoints[1].slips)
    local answer = server:admin('GET', '/metrics')
    assert.matches('^text/plain', answer.headers['content-type'])
    local values = {}
    for line in answer.body:gmatch '[^\n]+' do
      if line:sub(1, 1) ~= '#' then
        local series, value = line:match '^([%w_]+{?.-) (%S+)$'
        assert.matches('^moonbid_', series)
        assert.is_nil(values[series], line)
        values[series] = tonumber(value)
      end
    end
    assert.equal(2, values['moonbid_requests_total{endpoint="exoclick",outcome="bid"}'])
    assert.equal(1, values['moonbid_slips_total{endpoint="exoclick",kind="number_for_string"}'])
    assert.equal(1, values['moonbid_requests_total{endpoint="exoclick",outcome="bad_request"}'])
    assert.equal(2, values['moonbid_bids_total{strategy="banner"}'])
    assert.equal(2, values['moonbid_nobids_total{strategy="picky",reason="own:qps"}'])
  end)

  it('answers each of several reloads that are asked for at once', function()
    start()
    local connections = {}
    for i = 1, 5 do
      connections[i] = server:connect(server.admin_port)
      Server.send(connections[i], 'POST', '/reload')
    end
    for _, connection in ipairs(connections) do
      assert.equal('unchanged', dkjson.decode(Server.receive(connection).body).outcome)
    end
  end)

  it('refuses other paths and methods', function()
    start()
    assert.equal(404, server:admin('GET', '/nowhere').status)
    assert.equal(405, server:admin('GET', '/reload').status)
    assert.equal('POST', server:admin('GET', '/reload').headers.allow)
    assert.equal(405, server:admin('POST', '/status').status)
    assert.equal(404, server:get('/status').status) -- not on the public one
  end)

  it('asks for the token where one is configured', function()
    start "admin_token = 'secret',"
    local function status_with(header)
      local connection = server:connect(server.admin_port)
      local answer = server:request('GET', '/status', nil, connection, header)
      connection:close()
      return answer.status
    end
    for _, header in ipairs {
      '', 'Authorization: Bearer \r\n', 'Authorization: Bearer secre\r\n', 'Authorization: Bearer secretsecret\r\n',
      'Authorization: Bearer Secret\r\n', 'Authorization: secret\r\n',
    } do
      assert.equal(401, status_with(header), header)
    end
    assert.equal(200, status_with 'Authorization: Bearer secret\r\n')
    local output, status = Server.run(('reload --config %s/moonbid.conf.lua --admin 127.0.0.1:%d'):format(
      server.folder, server.admin_port))
    assert.equal(0, status, output)
  end)
end)
