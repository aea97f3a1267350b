-- How the server stands in its system: descriptors, its log file. The lock, the user and the port: processes_spec.lua.

local Server = require 'spec.support.server'

local BANNER = [[return strategy { name = 'banner', target = { format = { 'banner' } },
  bid = function() log.info('asked') return { price = 0.5, image_url = 'https://cdn.example/b.png',
                            click_url = 'https://go.example/' } end }]]

describe('a server', function()
  local server
  local request = Server.shared_data 'exoclick-samples/banner-300x250.json'
  after_each(function() server:finish() end)

  local function start(options)
    options.strategies = { ['banner.lua'] = BANNER }
    server = Server.start(options)
  end

  -- Supervisor, workers, bookkeeper.
  local function processes()
    local pids = { tonumber(server.pid), server:bookkeeper() }
    for _, worker in ipairs(server:workers()) do pids[#pids + 1] = worker.pid end
    return pids
  end

  it('takes all descriptors that it may have, and no more connections than that', function()
    start { shell = 'ulimit -Sn 100; ulimit -Hn 300', config = 'workers = 2,' }
    for _, pid in ipairs(processes()) do
      assert.matches('Max open files%s+300%s+300', Server.read_file('/proc/' .. pid .. '/limits'))
    end
    local most = tonumber(server:log():match 'fewer connections than configured connections=(%d+)')
    assert.is_true(most > 200 and most < 300, most)
    server:config "workers = 2, limits = { connections = 30000 }," -- as many as before, then
    server:reload()
    assert.matches('process reload outcome=unchanged', server:log(), 1, true)
    server:config "workers = 2, limits = { connections = 100 },"
    server:reload()
    assert.matches('changed=limits.connections', server:log(), 1, true)
  end)

  it('goes on in a new log file after SIGUSR1, all of its processes', function()
    start { flags = '--log-file log', config = 'workers = 2,' }
    local old = server.folder .. '/log.1'
    os.execute(('mv %s/log %s'):format(server.folder, old))
    assert.equal(200, server:post('/exoclick/bid', request).status)
    Server.poll('the old one is still written', 5, function() return Server.read_file(old):match 'asked' end)
    local pids = {}
    for pid in Server.read_file(old):gmatch ' started [^\n]-pid=(%d+)' do pids[#pids + 1] = pid end
    assert.equal(3, #pids)
    server:signal 'USR1'
    Server.poll('there is a new one', 5, function() return server:log():match 'log file opened anew' end)
    local function holds_old()
      for _, pid in ipairs { server.pid, unpack(pids) } do
        local pipe = io.popen(('ls -l /proc/%s/fd'):format(pid))
        local list = pipe:read '*a'
        pipe:close()
        -- The shell's own redirection of standard error is not ours to move.
        if list:match '[^2] %-> [^\n]*/log%.1\n' then return true end
      end
    end
    Server.poll('nobody has the old one', 5, function() return not holds_old() end)
    local before = #Server.read_file(old)
    for _ = 1, 8 do assert.equal(200, server:post('/exoclick/bid', request).status) end
    Server.poll('the workers write to the new one', 5, function() return server:log():match 'asked' end)
    assert.equal(before, #Server.read_file(old))
    server:signal 'USR2'
    Server.poll('the supervisor does', 5, function() return server:log():match 'status worker=1' end)
  end)

  it('says that it has no log file to open anew', function()
    start {}
    server:signal 'USR1'
    Server.poll('it says so', 5, function() return server:log():match 'no log file opened anew' end)
    assert.equal(200, server:post('/exoclick/bid', request).status)
  end)
end)
