-- Whoever dies, of a fault or by a signal: what was accepted is answered, what was counted stays, and bidding goes on.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'
local socket = require 'socket'

local BANNER = [[return strategy { name = 'banner', target = { format = { 'banner' } },
  bid = function() return { price = 2.5, image_url = 'https://cdn.example/b.png',
                            click_url = 'https://go.example/' } end }]]

-- Backtracks for longer than anybody waits, inside one call of a C function.
local PATHOLOGICAL = [[return strategy { name = 'stuck', priority = 9,
  bid = function() return ('a'):rep(60):match(('a-'):rep(30) .. 'b') and nil end }]]

local function signal(pid, name) assert(os.execute(('kill -%s %d'):format(name, pid))) end

-- A process that has ended may wait for somebody to take note of it.
local function alive(pid)
  local state = Server.read_file('/proc/' .. pid .. '/stat'):match '%) (%a)'
  return state ~= nil and state ~= 'Z' and state ~= 'X'
end

describe('the processes', function()
  local server
  local request = Server.shared_data 'exoclick-samples/banner-300x250.json'

  local function start(options)
    options.strategies = options.strategies or { ['banner.lua'] = BANNER }
    server = Server.start(options)
  end

  after_each(function() server:finish() end)

  local function bid(connection) return server:post('/exoclick/bid', request, connection) end

  local function notice() return dkjson.decode(bid().body).bid.bUrl:match '/n/.*' end

  local function status() return dkjson.decode(server:admin('GET', '/status').body) end

  local function strategy(name)
    for _, row in ipairs(status().strategies) do
      if row.name == name then return row end
    end
  end

  -- Until another process than `pid` serves in the first worker's place.
  local function replaced(pid)
    return Server.poll('a new worker serves', 1, function()
      local worker = server:workers()[1]
      return worker.state == 'serving' and worker.pid ~= pid and worker
    end)
  end

  it('lose only the connections of a worker that is killed, which is replaced within a second', function()
    start {}
    for _ = 1, 3 do assert.equal(200, server:get(notice()).status) end
    local spent = strategy('banner').spend_nanos
    local pid = server:workers()[1].pid
    local idle = server:connect()
    assert.equal(200, bid(idle).status)
    signal(pid, 'KILL')
    assert.equal(200, bid().status) -- waits in the socket that the supervisor holds
    assert.is_nil((idle:receive '*l'))
    local worker = replaced(pid)
    assert.equal(1, worker.restarts)
    assert.equal(spent, strategy('banner').spend_nanos)
    assert.equal(200, server:get(notice()).status)
    assert.equal(spent + 2500000, strategy('banner').spend_nanos)
    assert.matches('worker ended worker=1 pid=' .. pid .. ' signal=9', server:log(), 1, true)
  end)

  local function recorded()
    local _, count = server:ledger():gsub('\n', '')
    return count
  end

  it('answer every notice once it is recorded, however often the bookkeeper is killed', function()
    start {}
    local first = server:bookkeeper()
    local repeated = notice()
    for i = 1, 30 do
      assert.equal(200, server:get(notice()).status)
      assert.equal(200, server:get(repeated).status)
      if i % 3 == 0 then signal(server:bookkeeper(), 'KILL') end
    end
    assert.equal(200, server:get(notice()).status)
    assert.are_not.equal(first, server:bookkeeper())
    Server.poll('all are recorded', 3, function() return recorded() == 32 end)
    Server.poll('and booked', 1, function() return strategy('banner').spend_nanos == 32 * 2500000 end)
  end)

  it('keep what a worker had spooled when it is killed', function()
    start {}
    local keeper, pid = server:bookkeeper(), server:workers()[1].pid
    local path = notice()
    signal(keeper, 'STOP')
    assert.equal(200, server:get(path).status) -- after a second, by the spool
    assert.equal(0, recorded())
    signal(pid, 'KILL')
    replaced(pid)
    assert.equal(200, bid().status) -- the new one does not wait for it
    signal(keeper, 'CONT')
    Server.poll('the spooled one is recorded', 3, function() return recorded() == 1 end)
    assert.equal(200, server:get(path).status)
    assert.equal(1, recorded())
    Server.poll('and booked', 1, function() return strategy('banner').spend_nanos == 2500000 end)
    Server.poll('its file is gone', 3, function() return server:log():find('spool taken over', 1, true) end)
  end)

  it('go on counting where a killed worker stopped', function()
    start { strategies = { ['banner.lua'] = BANNER, ['shy.lua'] = [[return strategy { name = 'shy',
      bid = function() return nobid 'not_today' end }]] } }
    local path = notice()
    for _ = 1, 4 do assert.equal(200, bid().status) end
    for _ = 1, 2 do assert.equal(200, server:get(path).status) end
    local function counts()
      local all = status()
      all.workers, all.connections, all.scripts.lua_bytes = nil, nil, nil
      return all
    end
    local function lines(pattern)
      local found = {}
      for line in server:admin('GET', '/metrics').body:gmatch('[^\n]+') do
        if line:match(pattern) then found[#found + 1] = line end
      end
      table.sort(found)
      return found
    end
    local before, series = counts(), lines '^moonbid_[%w_]+_total'
    assert.equal(5, before.totals.requests)
    assert.equal(1, before.totals.duplicates)
    assert.equal(5, strategy('shy').own_nobids.not_today)
    assert.same({ 'moonbid_worker_restarts_total 0' }, lines '^moonbid_worker_restarts_total')
    local pid = server:workers()[1].pid
    signal(pid, 'KILL')
    replaced(pid)
    assert.same(before, counts())
    assert.same({ 'moonbid_worker_restarts_total 1' }, lines '^moonbid_worker_restarts_total')
    for i, line in ipairs(series) do
      if line:match '^moonbid_worker_restarts' then series[i] = 'moonbid_worker_restarts_total 1' end
    end
    assert.same(series, lines '^moonbid_[%w_]+_total')
    assert.equal(200, bid().status)
    assert.equal(6, status().totals.requests)
    assert.equal(6, strategy('banner').calls)
  end)

  it('start a worker anew with the scripts that bid, not with what the folder holds', function()
    start {}
    local before = status().scripts.version
    server:strategy('banner.lua', 'in the middle of an edit')
    local pid = server:workers()[1].pid
    signal(pid, 'KILL')
    replaced(pid)
    assert.equal(before, status().scripts.version)
    assert.equal(200, bid().status)
  end)

  it('end when the supervisor is killed, and leave folder and port to the next one', function()
    start {}
    assert.equal(200, server:get(notice()).status)
    local spent, pid, port = strategy('banner').spend_nanos, server:workers()[1].pid, server.port
    local open = server:connect()
    assert.equal(200, bid(open).status)
    server:signal 'KILL'
    server:wait_exit(2)
    server:spawn()
    assert.is_false(alive(pid))
    assert.is_nil((open:receive '*l'))
    assert.equal(spent, strategy('banner').spend_nanos)
    server:finish 'keep'
    local config = server.folder .. '/moonbid.conf.lua'
    Server.write_file(config, (Server.read_file(config):gsub(':0', ':' .. port, 1)))
    server:spawn()
    assert.equal(port, server.port)
    server:signal 'KILL'
    server:wait_exit(2)
    server:spawn() -- the same port again
    assert.equal(200, bid().status)
  end)

  it('refuse a second server on their folder, and one on their port, with one line', function()
    start {}
    local output, code = Server.run('serve --config ' .. server.folder .. '/moonbid.conf.lua')
    assert.equal(3, code)
    assert.matches('another moonbid uses this data folder', output)
    output, code = Server.run(('serve --config %s/moonbid.conf.lua --data %s/other --listen 127.0.0.1:%d')
      :format(server.folder, server.folder, server.port))
    assert.equal(3, code)
    assert.matches('moonbid: 127%.0%.0%.1:' .. server.port .. ': [^\n]*in use', output)
    assert.equal(200, bid().status)
  end)

  it('end a call that nothing else can stop, and bench its strategy after the third', function()
    start { strategies = { ['banner.lua'] = BANNER, ['stuck.lua'] = PATHOLOGICAL } }
    server:expect_error 'worker killed'
    server:expect_error 'strategy benched'
    for round = 1, 3 do
      local pid = server:workers()[1].pid
      local connection = server:connect()
      Server.send(connection, 'POST', '/exoclick/bid', request)
      assert.is_nil((connection:receive '*l')) -- its worker is gone
      assert.equal(round, replaced(pid).restarts)
    end
    assert.equal(2.5, dkjson.decode(bid().body).bid.value)
    assert.matches('^three calls', strategy('stuck').benched)
    assert.equal(1, strategy('stuck').nobids.benched)
    assert.is_nil(strategy('banner').benched)
    server:strategy('stuck.lua', PATHOLOGICAL:gsub('bid = function%(%) .-nil end', 'bid = function() end'))
    server:reload()
    assert.is_nil(strategy('stuck').benched)
  end)

  it('answer everything that was accepted before they end', function()
    start { config = "limits = { grace = '10m' }," } -- it ends because all is answered
    local connections = {}
    for i = 1, 30 do
      connections[i] = server:connect()
      if i % 3 > 0 then assert.equal(200, bid(connections[i]).status) end
    end
    for i, connection in ipairs(connections) do
      if i % 2 == 0 then Server.send(connection, 'POST', '/exoclick/bid', request) end
    end
    server:signal 'TERM'
    for i, connection in ipairs(connections) do
      if i % 2 == 1 then Server.send(connection, 'POST', '/exoclick/bid', request) end
    end
    for _, connection in ipairs(connections) do
      local answer = assert(Server.receive(connection))
      assert.is_true(answer.status == 200 or answer.status == 204, answer.status)
      connection:close()
    end
    assert.equal(0, server:wait_exit(1))
    assert.is_nil((socket.connect('127.0.0.1', server.port)))
  end)

  it('leave a request that is not whole no longer than the grace', function()
    start { config = "limits = { grace = '200ms', body = '10m' }," }
    local connection = server:connect()
    connection:send 'POST /exoclick/bid HTTP/1.1\r\nHost: bidder\r\nContent-Length: 100\r\n\r\n{'
    assert.equal(200, bid().status) -- by now it has been read
    server:signal 'TERM'
    assert.equal(0, server:wait_exit(1))
  end)

  it('belong to the configured user, if root starts them', function()
    start {}
    if Server.read_file('/proc/self/status'):match 'Uid:%s+(%d+)' ~= '0' then
      pending 'only root can become another user'
      return
    end
    server:finish 'keep'
    local config = server.folder .. '/moonbid.conf.lua'
    os.execute(('rm -r %s/data; chmod 755 %s'):format(server.folder, server.folder))
    Server.write_file(config, (Server.read_file(config):gsub('\nreturn', "\nconfig.user = 'nobody'%0")))
    os.execute('chmod 644 ' .. config)
    server:spawn()
    for _, pid in ipairs { server.pid, server:workers()[1].pid } do
      local ids = Server.read_file('/proc/' .. pid .. '/status')
      assert.matches('Uid:%s+(%d+)%s+%1%s+%1%s+%1', ids)
      assert.not_equal('0', ids:match 'Uid:%s+(%d+)')
      assert.not_equal('0', ids:match 'Gid:%s+(%d+)')
    end
    assert.equal(200, server:get(notice()).status)
    Server.write_file(config, (Server.read_file(config):gsub('nobody', 'no-such-user')))
    local output, code = Server.run(('serve --config %s --data %s/other'):format(config, server.folder))
    assert.equal(3, code)
    assert.matches("moonbid: user: there is no user 'no%-such%-user'[^\n]*\n$", output)
  end)

  it('are not stopped by a signal that the supervisor did not get', function()
    start {}
    local pid = server:workers()[1].pid
    for _, name in ipairs { 'TERM', 'INT', 'HUP', 'USR1', 'USR2' } do signal(pid, name) end
    assert.equal(200, bid().status)
    assert.equal(pid, server:workers()[1].pid)
    server:signal 'USR1'
    server:signal 'USR2'
    Server.poll('a status line', 5, function()
      return server:log():match('status worker=1 pid=' .. pid .. ' state=serving')
    end)
  end)
end)
