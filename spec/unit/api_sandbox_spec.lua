-- What a strategy file finds around it: ctx, globals, lists, modules, and what is not offered; lua-api sections 1, 2 and 6.

local kit = require 'moonbid.kit'
local probe = require 'spec.support.probe'
local folders = require 'spec.support.folder'

local function value(expression, options)
  return probe.values(kit.exoclick.banner(), { expression }, options)[1]
end

describe('ctx', function()
  local folder
  before_each(function() folder = folders.new() end)
  after_each(function() folder:remove() end)

  local function reason_of(bidder) return bidder:bid(kit.exoclick.banner()).nobids[1].reason end

  it('gives the time of the test', function()
    local now = { now = '2026-03-02T09:05:06Z' }
    assert.equals('"1772442306000"', value("string.format('%.0f', ctx.now)", now))
    assert.equals('"2026-03-02 09:05:06"', value("ctx.date '%Y-%m-%d %H:%M:%S'", now))
    assert.equals('"10:05 +0100"', value("ctx.date('%H:%M %z', 'Europe/Berlin')", now))
    assert.equals('"04:05"', value("ctx.date('%H:%M', 'America/New_York')", now))
    assert.equals('"false"', value("tostring(pcall(ctx.date, '%H', 'Nowhere/City'))", now))
    assert.equals('"1970-01-01"', value("os.date('%Y-%m-%d', 0)", now))
    assert.equals('false', value('(pcall(os.date))', now))
    assert.equals('false', value('(pcall(os.time))', now))
    assert.equals('0', value('os.time { year = 1970, month = 1, day = 1, hour = 0 }', now))
  end)

  it('gives what is left of the time for the answer', function()
    assert.equals('true', value 'ctx.time_left() > 0 and ctx.time_left() <= 1000')
  end)

  it('draws within its bounds', function()
    local loop = '(function() for _ = 1, 100 do local r = %s if r < %d or r >= %d then return r end end return true end)()'
    assert.equals('true', value(loop:format('ctx.random()', 0, 1)))
    assert.equals('true', value(loop:format('ctx.random(3)', 1, 4)))
    assert.equals('7', value 'ctx.random(7, 7)')
    assert.equals('false', value '(pcall(ctx.random, 2, 1))')
    assert.equals('false', value '(pcall(ctx.random, 0))')
    assert.equals(value('ctx.random()', { seed = 3 }), value('math.random()', { seed = 3 }))
  end)

  it('knows the strategy and the version', function()
    assert.equals('"probe"', value 'ctx.strategy')
    assert.matches('^"%x+"$', value 'ctx.version')
    assert.equals('nil', value 'ctx.misspelt')
  end)

  it('counts within windows that start at first use', function()
    folder:strategy('', "return nobid('n' .. ctx.incr('k', 2, '24h') .. '_' .. ctx.get('k') .. '_' .. ctx.get('other'))")
    local bidder = folder:load()
    assert.equals('n2_2_0', reason_of(bidder))
    bidder:advance '23h'
    assert.equals('n4_4_0', reason_of(bidder))
    bidder:advance '1h'
    assert.equals('n2_2_0', reason_of(bidder))
  end)

  it('keeps the counters of a strategy from another, but for shared ones', function()
    folder:write('strategies/two.lua', [[
      local function make(name)
        return strategy { name = name, bid = function(ctx)
          return nobid('own' .. ctx.incr('k', 1, '1h') .. '_all' .. ctx.incr('shared:k', 1, '1h')) end }
      end
      return { make 'a', make 'b' }]])
    local reasons = {}
    for i, row in ipairs(folder:load():bid(kit.exoclick.banner()).nobids) do reasons[i] = row.reason end
    table.sort(reasons)
    assert.same({ 'own1_all1', 'own1_all2' }, reasons)
  end)

  it('refuses wrong arguments', function()
    for _, call in ipairs { "ctx.incr('k', 1)", "ctx.incr('k', 1, 'soon')", "ctx.incr('k', 1.5, '1h')", "ctx.incr(nil, 1, '1h')",
      'ctx.get()', "ctx.get {}", "ctx.spend 'week'", 'ctx.date()', "ctx.arm('x')", "ctx.arm('x', 'u', {})",
      "ctx.arm('x', 'u', { a = -1 })", 'ctx.note()', "ctx.note('k')", "ctx.note({}, 'v')" } do
      assert.equals('false', value(('(pcall(function() return %s end))'):format(call)), call)
    end
  end)

  it('takes keys with a zero byte for what they are, and the empty one', function()
    assert.equals('[1 1 1 0]', value "{ ctx.incr('a\\0b', 1, '1h'), ctx.get('a\\0b'), ctx.incr('', 1, '1h'), ctx.get('a') }")
  end)

  it('tells the spend of the strategy', function()
    folder:strategy('', [[local function cents(period) return ctx.spend(period) * 100 end
      return nobid('d' .. cents 'day' .. '_t' .. cents 'total' .. '_h' .. cents 'hour')]])
    local bidder = folder:load { now = '2026-03-02T09:00:00Z' }
    bidder:spend('probe', 0.25)
    assert.equals('d25_t25_h25', reason_of(bidder))
    bidder:advance '25h'
    assert.equals('d0_t25_h0', reason_of(bidder))
  end)

  it('gives a user the same arm each time, and all arms over many users', function()
    local expression = "(function() local n = {} for i = 1, 200 do local a = ctx.arm('x', 'u' .. i, { a = 50, b = 50, c = 0 }) "
      .. "if a ~= ctx.arm('x', 'u' .. i, { a = 50, b = 50, c = 0 }) then return 'changed' end n[a] = (n[a] or 0) + 1 end "
      .. 'return { (n.a or 0) > 60, (n.b or 0) > 60, n.c == nil } end)()'
    assert.equals('[true true true]', value(expression))
  end)

  it('takes notes of any plain value', function()
    assert.equals('true', value "(pcall(function() for i = 1, 12 do ctx.note('k' .. i, i) end ctx.note('a\\0b', true) end))")
  end)
end)

describe('the globals', function()
  local folder
  before_each(function() folder = folders.new() end)
  after_each(function() folder:remove() end)

  local function refusal(options)
    local ok, message = pcall(folder.load, folder, options)
    assert.is_false(ok, 'the scripts load')
    return message
  end

  it('list and map read lists/', function()
    folder:write('lists/zones.txt', '778899\n\n  42 \r\nlast')
    folder:write('lists/bids.csv', 'a,0.42\n b , x y \nc,\n')
    probe.write(folder, { "Z:has '778899'", "Z:has '42'", "Z:has 'last'", "Z:has ''", "Z:has 'no'", "Z:has(nil)",
      "M:get 'a'", "M:get 'b'", "M:get 'c'", "M:get 'd'", "M:has 'a'", '(pcall(Z.has, {}, 1))', "(pcall(list, 'other.txt'))" },
      nil, "local Z, M = list 'zones.txt', map 'bids.csv'")
    assert.same({ 'true', 'true', 'true', 'false', 'false', 'false', '"0.42"', '"x y"', '""', 'nil', 'true', 'false', 'false' },
      probe.read(folder:load():bid(kit.exoclick.banner())))
  end)

  it('list needs a file there', function()
    for _, name in ipairs { 'none.txt', '../strategies/probe.lua', '/etc/passwd' } do
      folder:strategy(("target = { zone = list '%s' },"):format(name), '')
      assert.matches(('strategies/probe.lua:1: .*%s.*lists/'):format(name:gsub('%p', '%%%0')), refusal())
    end
  end)

  it('log takes formats, and never stops a call', function()
    for _, level in ipairs { 'debug', 'info', 'warn', 'error' } do
      assert.equals('true', value(("(pcall(log.%s, 'n %%d %%s', 3, 'x'))"):format(level)))
    end
  end)

  it('nobid takes short words', function()
    for _, wrong in ipairs { "''", "'Upper'", "'with space'", "('x'):rep(33)", 'nil', '{}', "'a\\0b'" } do
      assert.equals('false', value('(pcall(nobid, ' .. wrong .. '))'), wrong)
    end
    assert.equals('true', value "(pcall(nobid, ('x'):rep(32)))")
  end)

  it('require finds modules of the scripts folder and nothing else', function()
    folder:write('lib/a.lua', "local b = require 'lib.b'\nreturn { n = b.n + 1 }")
    folder:write('lib/b.lua', 'return { n = 41 }')
    probe.write(folder, { 'A.n', "require('lib.a') == A" }, nil, "local A = require 'lib.a'")
    assert.same({ '42', 'true' }, probe.read(folder:load():bid(kit.exoclick.banner())))
    for _, name in ipairs { 'io', 'os', 'ffi', 'jit', 'debug', 'socket', 'lib.none', 'moonbid.core', '../etc/passwd', '..lib.a',
      '/etc/passwd', '', 'lib/../../x' } do
      probe.write(folder, {}, nil, ("require '%s'"):format(name))
      assert.matches('strategies/probe%.lua:%d+: module .* not found', refusal(), 1, false)
    end
    folder:write('lib/a.lua', "return require 'lib.a'")
    probe.write(folder, {}, nil, "require 'lib.a'")
    assert.matches("module 'lib.a' requires itself", refusal(), 1, true)
  end)

  it('do not leak from one strategy to another, and are frozen after load', function()
    local text = "return strategy { name = '%s', bid = function() return nobid('sees_' .. tostring(LEAK)) end }"
    folder:write('strategies/a.lua', 'LEAK = 1 ' .. text:format 'a')
    folder:write('strategies/b.lua', text:format 'b')
    folder:write('strategies/c.lua', "return strategy { name = 'c', bid = function() NEW = 1 end }")
    local answer = folder:load():bid(kit.exoclick.banner())
    assert.nobids(answer, 'sees_1', 'a')
    assert.nobids(answer, 'sees_nil', 'b')
    assert.nobids(answer, 'script_error', 'c')
  end)
end)

describe('the sandbox', function()
  it('does not offer what reaches out of it', function()
    for _, name in ipairs { 'io', 'debug', 'ffi', 'jit', 'load', 'loadstring', 'loadfile', 'dofile', 'package', 'module', 'setfenv',
      'getfenv', 'newproxy', 'print', 'os.execute', 'os.exit', 'os.getenv', 'os.remove', 'os.rename', 'os.tmpname', 'os.setlocale',
      'os.clock', 'string.dump', 'math.randomseed', '_G.io', '_G.debug', "getmetatable ''.__index", "('').dump" } do
      local read = '(function() local ok, v = pcall(function() return %s end) return ok and v or nil end)()'
      assert.equals('nil', value(read:format(name)), name)
    end
  end)

  it('offers the rest of Lua', function()
    for _, name in ipairs { 'assert', 'error', 'ipairs', 'next', 'pairs', 'pcall', 'rawequal', 'rawget', 'rawset', 'select',
      'setmetatable', 'getmetatable', 'tonumber', 'tostring', 'type', 'unpack', 'xpcall', 'collectgarbage', 'string.format',
      'string.gsub', 'table.sort', 'table.concat', 'math.floor', 'math.random', 'coroutine.wrap', 'bit.band', 'os.date', 'os.time',
      'os.difftime' } do
      assert.equals('"function"', value('type(' .. name .. ')'), name)
    end
  end)

  it('refuses to be changed', function()
    for _, code in ipairs { 'string.format = nil', "rawset(string, 'x', 1)", "setmetatable('', {})", "setmetatable(req, {})",
      "setmetatable(string, {})", "rawset(req, 'id', 'x')", "collectgarbage 'stop'", "collectgarbage()", "rawset(_G, 'x', 1)",
      "rawset(log, 'x', 1)", "log.warn = nil" } do
      assert.equals('false', value(('(pcall(function() %s end))'):format(code)), code)
    end
    assert.equals('"number"', value "type(collectgarbage 'count')")
    assert.equals('[false false]', value '{ getmetatable(req), getmetatable("") }')
  end)

  it('stops what runs too long or takes too much, and goes on', function()
    local folder = folders.new()
    local rows = {
      { 'while true do end', 'script_timeout' }, { 'pcall(function() while true do end end)', 'script_timeout' },
      { 'xpcall(function() while true do end end, function() end)', 'script_timeout' },
      { 'coroutine.wrap(function() while true do end end)()', 'script_timeout' },
      { 'return ("x"):rep(2 ^ 28)', 'script_memory' },
      { "error 'oops'", 'script_error' }, { 'local x = nil; x.y = 1', 'script_error' },
    }
    for _, row in ipairs(rows) do
      folder:strategy('', ("if req.user.keyword then %s end return nobid 'fine'"):format(row[1]))
      local bidder = folder:load()
      assert.nobids(bidder:bid(kit.exoclick.banner { keyword = 'x' }), row[2])
      assert.nobids(bidder:bid(kit.exoclick.banner()), 'fine')
    end
    folder:remove()
  end)
end)
