-- Scripts that misbehave cost their own bids, and nothing else: not the good strategy's, not the process, not its memory.

local Server = require 'spec.support.server'
local Load = require 'spec.support.load'
local nesting = require 'spec.support.nesting'
local dkjson = require 'dkjson'

local SLOWDOWN = tonumber(os.getenv 'MOONBID_SLOWDOWN' or '1')

-- Three states at most: one bids, one is being freed, one built. The rest is the program.
local RESIDENT_KB_MAX = 3 * 18 * 1024 + 64 * 1024
if SLOWDOWN > 1 then RESIDENT_KB_MAX = RESIDENT_KB_MAX * 4 end -- the sanitizers' shadow and quarantine

-- Time enough for all of them to be stopped within one request, and memory little enough to be filled in 5 ms.
local CONFIG = [[endpoints = { { name = 'slow', path = '/exoclick/bid', exchange = 'exoclick', currency = 'USD',
  timeout_ms = 60000 } }, limits = { backlog_ms = 60000 }, script = { memory_mb = 16 },]]

local GOOD = [[return strategy { name = 'good', target = { format = { 'banner' } },
  bid = function() return { price = 0.5, image_url = 'https://cdn.example/b.png',
                            click_url = 'https://go.example/' } end }]]

local function bad(name, body)
  return ([[local kept = {} return strategy { name = '%s', priority = 9, bid = function(ctx, req, imp) %s end }]])
    :format(name, body)
end

local MISBEHAVE = {
  script_timeout = {
    plain = 'while true do end',
    in_pcall = 'while true do pcall(function() while true do end end) end',
    in_xpcall = "xpcall(function() error('x') end, function() while true do end end) while true do end",
    in_coroutine = 'while true do coroutine.wrap(function() while true do end end)() end',
    in_index = 'return setmetatable({}, { __index = function() while true do end end }).x',
    in_sort = 'local t = {} for i = 1, 100 do t[i] = i end table.sort(t, function() while true do end end)',
    in_gsub = "return (('x'):gsub('x', function() while true do end end))",
  },
  script_memory = {
    by_rep = "return ('x'):rep(1e9)",
    by_doubling = "local s = 'x' while true do s = s .. s end",
    by_table = 'local t = {} for i = 1, 1e9 do t[i] = i end',
    by_concat = "local s, t = ('x'):rep(1e6), {} for i = 1, 1e3 do t[i] = s end return table.concat(t)",
    in_pcall_again = "pcall(string.rep, 'x', 1e9) return { price = 1 }",
  },
  script_error = {
    each_call = "error('on purpose')",
    new_text_each_call = 'error(ctx.random())',
  },
}

for name, body in pairs(nesting) do MISBEHAVE.script_error[name] = body end

-- Two hundred bytes, and more steps than anybody waits for, inside one call of a C function.
local PATHOLOGICAL = ("return ('a'):rep(28):find('%s') and nil"):format(('a?'):rep(28) .. ('a'):rep(28))

-- The most that each process of the server has ever had resident.
local function check_resident(server)
  local pids = { server.pid }
  for _, worker in ipairs(server:workers()) do pids[#pids + 1] = worker.pid end
  for _, pid in ipairs(pids) do
    local most_kb = tonumber(Server.read_file('/proc/' .. pid .. '/status'):match 'VmHWM:%s+(%d+)')
    assert.is_true(most_kb < RESIDENT_KB_MAX, ('process %d had %d kB'):format(pid, most_kb))
  end
end

-- From the end of each worker that was killed to the start of the one in its place, as the log tells.
local function seconds_to_replace(log)
  local list, killed = {}, {}
  for second, what, worker in log:gmatch 'T%d%d:%d%d:(%d%d%.%d+)Z [^\n]-worker (%a+)[^\n]- worker=(%d+)' do
    if what == 'killed' then
      killed[worker] = tonumber(second)
    elseif what == 'started' and killed[worker] then
      list[#list + 1] = (tonumber(second) - killed[worker]) % 60
      killed[worker] = nil
    end
  end
  return list
end

describe('scripts that misbehave', function()
  local server
  local request = Server.shared_data 'exoclick-samples/banner-300x250.json'

  after_each(function() if server then server:finish() end end)

  -- The strategies of /status, none where the worker that was asked has just been killed.
  local function by_name()
    local rows, answer = {}, server:admin('GET', '/status')
    if answer.status ~= 200 then return rows end
    for _, row in ipairs(dkjson.decode(answer.body).strategies) do rows[row.name] = row end
    return rows
  end

  local function start(files, config)
    files['good.lua'] = GOOD
    server = Server.start { config = config or CONFIG, strategies = files }
    for _, text in ipairs { 'strategy=', 'worker killed' } do server:expect_error(text) end
  end

  local function check_good(counts)
    local good = by_name().good
    assert.equal(0, counts.failed, counts.line)
    assert.equal(counts.sent, counts.s200, counts.line)
    assert.equal(good.calls, good.bids)
    assert.is_nil(good.benched)
    for _, worker in ipairs(server:workers()) do assert.equal(0, worker.restarts) end
  end

  it('all at once lose every bid of theirs, are benched, and harm nobody', function()
    local files, reasons = {}, {}
    for reason, bodies in pairs(MISBEHAVE) do
      for name, body in pairs(bodies) do
        files[name .. '.lua'] = bad(name, body)
        reasons[name] = reason
      end
    end
    start(files)
    local load = Load.start(server, request, { rate = 0, connections = 4 })
    Server.poll('all are benched', 60, function()
      local rows = by_name()
      for name in pairs(reasons) do
        if not (rows[name] and rows[name].benched) then return false end
      end
      return true
    end)
    local counts = load:stop()
    for name, row in pairs(by_name()) do
      if reasons[name] then
        assert.matches('^a hundred calls', row.benched, name)
        assert.is_true(2 * (row.nobids[reasons[name]] or 0) > row.calls, name .. ' ' .. dkjson.encode(row.nobids))
        assert.equal(0, row.bids, name)
      end
    end
    check_good(counts)
    check_resident(server)
  end)

  it('that keep what they take fill a state which is replaced before others feel it', function()
    start { ['keeps.lua'] = bad('keeps', "kept[#kept + 1] = ('x'):rep(1e5) .. #kept .. ctx.random()") }
    local load = Load.start(server, request, { rate = 500 / SLOWDOWN })
    Server.poll('the state has been replaced twice', 20, function()
      return server:log():match 'outcome=replaced.*outcome=replaced'
    end)
    check_good(load:stop())
    check_resident(server)
  end)

  it('and fill the state are benched, but nobody who finds it full', function()
    local fills = bad('fills', "while true do kept[#kept + 1] = ('x'):rep(1e5) .. #kept end")
    local wants = bad('wants', "return nobid('has' .. #('x'):rep(6e5))")
    -- On a busy machine 16 MiB take longer than the usual limit.
    start({ ['fills.lua'] = fills, ['wants.lua'] = wants }, (CONFIG:gsub('memory_mb', 'cpu_ms = 200, %0')))
    local load = Load.start(server, request, { rate = 500 / SLOWDOWN })
    Server.poll('the one that fills it is benched', 20, function()
      local row = by_name().fills
      return row and row.benched
    end)
    Server.poll('the other has what it wants again', 20, function()
      local row = by_name().wants
      return row and (row.own_nobids.has600000 or 0) > 100
    end)
    assert.is_true(by_name().wants.nobids.script_memory > 0)
    assert.is_nil(by_name().wants.benched)
    check_good(load:stop())
  end)

  it('in a pattern that nothing can stop are ended with their worker, and benched the third time', function()
    start { ['stuck.lua'] = bad('stuck', PATHOLOGICAL) }
    local load = Load.start(server, request, { rate = 200 / SLOWDOWN, connections = 8 })
    Server.poll('it is benched', 20, function()
      local stuck = by_name().stuck
      return stuck and stuck.benched and stuck.benched:match '^three calls'
    end)
    local good = Server.poll('a worker answers', 5, function() return by_name().good end)
    Server.poll('the good one bids', 5, function() return by_name().good.bids > good.bids + 10 end)
    local counts = load:stop()
    -- Lost at most: what waited in the connections of three workers.
    assert.is_true(counts.failed <= 3 * 8, counts.line)
    assert.equal(counts.reset, counts.failed, counts.line)
    assert.equal(counts.answered, counts.s200, counts.line)
    local replaced = seconds_to_replace(server:log())
    assert.equal(3, #replaced)
    for _, seconds in ipairs(replaced) do assert.is_true(server:within_a_second(seconds), seconds) end
  end)
end)

describe('a file that cannot be loaded', function()
  local server
  local request = Server.shared_data 'exoclick-samples/banner-300x250.json'

  before_each(function()
    server = Server.start { strategies = { ['good.lua'] = GOOD } }
    server:expect_error 'strategies/bad.lua'
  end)
  after_each(function() server:finish() end)

  for _, text in ipairs {
    'while true do end',
    'while true do pcall(function() while true do end end) end',
    'local function f() return coroutine.wrap(f)() end f()',
    '',
    'return nil',
  } do
    it('is refused within three seconds, and the scripts before go on bidding: ' .. text, function()
      local load = Load.start(server, request, { rate = 500 / SLOWDOWN })
      server:strategy('bad.lua', text)
      local before = server:spent_by_the_dead()
      server:reload()
      local took = server:spent_by_the_dead() - before
      local last = dkjson.decode(server:admin('GET', '/status').body).last_reload
      assert.equal('refused', last.outcome)
      assert.matches('strategies/bad.lua', last.error, 1, true)
      assert.is_true(took < 3 * SLOWDOWN, took)
      local counts = load:stop()
      assert.equal(0, counts.failed, counts.line)
      assert.equal(counts.sent, counts.s200, counts.line)
    end)
  end
end)
