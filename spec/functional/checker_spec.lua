-- What is new is tried in a process of its own: whatever becomes of that one, bidding goes on. Files that loop in Lua, where
-- a hook stops them: script_limits_spec.lua.

local Server = require 'spec.support.server'
local Load = require 'spec.support.load'
local dkjson = require 'dkjson'

local SLOWDOWN = tonumber(os.getenv 'MOONBID_SLOWDOWN' or '1')

local function banner(price, more)
  return ([[%s return strategy { name = 'banner', target = { format = { 'banner' } },
    bid = function() return { price = %s, image_url = 'https://cdn.example/b.png',
                              click_url = 'https://go.example/' } end }]]):format(more or '', price)
end

-- Longer than anybody waits, inside one call of a C function: no hook comes in between.
local PATHOLOGICAL = "local found = ('a'):rep(60):match(('a-'):rep(30) .. 'b') "

describe('what is tried before it bids', function()
  local server
  local request = Server.shared_data 'exoclick-samples/banner-300x250.json'

  before_each(function() server = Server.start { config = 'workers = 2,', strategies = { ['good.lua'] = banner(0.5) } } end)
  after_each(function() server:finish() end)

  local function status() return dkjson.decode(server:admin('GET', '/status').body) end

  local function price()
    local answer = server:post('/exoclick/bid', request)
    return answer.status == 200 and dkjson.decode(answer.body).bid.value
  end

  -- The checker at work, from the list of the supervisor's children: the one that is neither worker nor bookkeeper.
  local function checker()
    local known = { [tostring(server:bookkeeper())] = true }
    for _, worker in ipairs(server:workers()) do known[tostring(worker.pid)] = true end
    local children = Server.read_file(('/proc/%s/task/%s/children'):format(server.pid, server.pid))
    for pid in children:gmatch '%d+' do
      if not known[pid] then return pid end
    end
  end

  -- A reload with traffic on; gives what /status says of it. Every request is answered with a bid meanwhile.
  local function refused(place)
    server:expect_error(place)
    local load = Load.start(server, request, { rate = 500 / SLOWDOWN })
    local before = server:spent_by_the_dead()
    server:reload()
    local took = server:spent_by_the_dead() - before
    local counts = load:stop()
    local last = status().last_reload
    assert.equal('refused', last.outcome)
    assert.matches(place, last.error, 1, true)
    assert.is_true(took < 3 * SLOWDOWN, ('%.1f s'):format(took))
    assert.is_true(counts.answered > 0)
    assert.equal(counts.sent, counts.s200, counts.line)
    assert.equal(0.5, price())
    return last.error
  end

  for what, text in pairs {
    ['loops in a pattern under pcall'] = 'while true do pcall(function() ' .. PATHOLOGICAL .. ' end) end',
    ['returns nothing'] = 'local x = 1',
    ['takes all memory in many pieces'] = 'local t = {} for i = 1, 1e9 do t[i] = ("x"):rep(1e6) .. i end',
    ['takes all memory at once'] = 'local s = "x" while true do s = s .. s end',
  } do
    it('is refused with the name of a strategy file that ' .. what, function()
      server:strategy('bad.lua', text)
      refused 'strategies/bad.lua'
      os.remove(server.folder .. '/scripts/strategies/bad.lua')
      server:strategy('good.lua', banner(0.75))
      server:reload()
      assert.equal(0.75, price())
    end)
  end

  it('is refused with the name of a golden request that a pattern hangs in', function()
    os.execute('mkdir -p ' .. server.folder .. '/scripts/golden')
    Server.write_file(server.folder .. '/scripts/golden/banner.json',
      ('{"endpoint":"exoclick","request":%s,"expect":"bid"}'):format(request))
    server:strategy('good.lua', ("return strategy { name = 'banner', bid = function() %s return nil end }"):format(PATHOLOGICAL))
    refused 'golden/banner.json'
  end)

  it('is refused with the name of a config that is larger than it looks', function()
    Server.write_file(server.folder .. '/moonbid.conf.lua',
      'local t = { 1 } for _ = 1, 30 do t = { t, t } end return { listen = t }')
    refused 'moonbid.conf.lua'
  end)

  it('is refused where its process is killed, and the next one is as good as ever', function()
    server:strategy('good.lua', banner(0.75, PATHOLOGICAL))
    server:expect_error 'good.lua'
    server:signal 'HUP'
    local pid = Server.poll('it is at the file', 5, checker)
    Server.poll('it loads', 5, function()
      return (tonumber(Server.read_file('/proc/' .. pid .. '/stat'):match '%) %u' and
        Server.read_file('/proc/' .. pid .. '/stat'):match '%) %u %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%d+)') or 0) > 5
    end)
    os.execute('kill -KILL ' .. pid)
    Server.poll('it is refused', 5, function() return server:log():match 'reload refused' end)
    assert.matches('strategies/good.lua: the checker died of signal 9', status().last_reload.error, 1, true)
    assert.equal(0.5, price())
    server:strategy('good.lua', banner(0.75))
    server:reload()
    assert.equal(0.75, price())
  end)

  it('leaves nobody behind when the supervisor is killed meanwhile', function()
    server:strategy('good.lua', banner(0.75, PATHOLOGICAL))
    server:signal 'HUP'
    local pid = Server.poll('it is there', 5, checker)
    server:signal 'KILL'
    server:wait_exit(3)
    Server.poll('it is gone', 5, function()
      local state = Server.read_file('/proc/' .. pid .. '/stat'):match '%) (%a)'
      return state == nil or state == 'Z' or state == 'X'
    end)
    server:strategy('good.lua', banner(0.5))
    server:spawn()
    assert.equal(0.5, price())
  end)

  it('ends a stop no later', function()
    server:strategy('good.lua', banner(0.75, PATHOLOGICAL))
    server:signal 'HUP'
    Server.poll('it is there', 5, checker)
    server:signal 'TERM'
    assert.equal(0, server:wait_exit(2))
    assert.is_nil(server:log():match 'reload refused') -- nobody waited for its end
  end)

  it('is told worker by worker in the log and /status', function()
    server:strategy('good.lua', banner(0.75))
    server:reload()
    local said = status()
    for i, worker in ipairs(said.workers) do
      assert.equal(said.scripts.version, worker.version)
      assert.equal(said.config.version, worker.config)
      assert.equal('loaded', worker.reload.outcome)
      assert.matches(('worker reloaded worker=%d outcome=loaded version=%s config=%s ms=%%d'):format(i, worker.version,
        worker.config), server:log())
    end
    assert.is_number(said.last_reload.ms)
  end)
end)

describe('a start', function()
  local server
  before_each(function() server = Server.start { strategies = { ['good.lua'] = banner(0.5) } } end)
  after_each(function() server:finish() end)

  it('with what never ends is refused like a reload', function()
    server:signal 'TERM'
    assert.equal(0, server:wait_exit())
    server:strategy('good.lua', PATHOLOGICAL)
    local output, code = Server.run('serve --config moonbid.conf.lua', server.folder)
    assert.equal(1, code, output)
    assert.matches('moonbid: [^\n]*strategies/good%.lua: [^\n]*\n$', output)
  end)
end)
