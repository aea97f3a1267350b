-- Ways out of a Lua sandbox that others have found, tried here one by one. Each row is code of a strategy, run in `bid`;
-- it returns what it got hold of, or raises. Whatever it does, the next request bids as if it had not been there.

local kit = require 'moonbid.kit'
local folders = require 'spec.support.folder'

-- Code that must come back empty-handed: it raises, or returns nil or false.
local NOTHING = {
  -- code that was never text
  ['a dumped function'] = 'return string.dump(function() end)',
  ['dump as a method'] = "return ('').dump and ('').dump(function() end)",
  ['load of bytecode'] = [[return load and load '\27LJ\2\2']],
  ['loadstring of bytecode'] = [[return loadstring and loadstring '\27LJ\2\2']],
  ['load from a function'] = "return load(function() return 'x = 1' end)",
  ['require of a file with bytecode'] = "return require 'lib.compiled'",
  ['require of a C module'] = "return require 'socket.core'",
  ['require up the folders'] = "return require '....etc.passwd'",
  ['package.loaded'] = 'return package.loaded',
  ['package.loadlib'] = "return package.loadlib('libc.so.6', '*')",
  ['dofile'] = "return dofile '/etc/passwd'",
  -- other people's environments
  ['setfenv of itself'] = 'return setfenv(1, {})',
  ['setfenv of the caller'] = 'return setfenv(0, {})',
  ['getfenv of the caller'] = 'return getfenv(2)',
  ['getfenv of print'] = 'return getfenv(pcall)',
  ['the real globals through _G'] = 'return rawget(_G, "io") or _G.io or _G.debug',
  ['_G by setmetatable'] = 'return setmetatable(_G, { __index = function() return 1 end })',
  ['_G without its metatable'] = 'return getmetatable(_G)',
  ['a new global by rawset'] = 'rawset(_G, "gone", 1) return gone',
  -- metatables that all share
  ["the strings' metatable"] = "return getmetatable('')",
  ["another metatable for strings"] = "return setmetatable('', { __index = function() return 1 end })",
  ["the strings' library, written"] = "string.rep = function() return 'mine' end return ('x'):rep(2) == 'mine'",
  ["the strings' library by rawset"] = "rawset(string, 'rep', 1) return string.rep == 1",
  ["the metatable of req"] = 'return getmetatable(req)',
  ["the metatable of imp"] = 'return getmetatable(imp)',
  ["the metatable of ctx"] = 'return getmetatable(ctx)',
  ["the metatable of a list"] = "return getmetatable(LIST)",
  ["the metatable of a library"] = 'return getmetatable(math)',
  ["the metatable of a coroutine"] = 'return getmetatable(coroutine.create(function() end))',
  ["the metatable of a function"] = 'return getmetatable(pcall)',
  ['writing to req'] = 'req.id = "mine" return req.id == "mine"',
  ['writing to a table of req'] = 'req.user.id = "mine" return req.user.id == "mine"',
  ['rawset of req'] = 'rawset(req, "id", "mine") return req.id == "mine"',
  ['table.insert into req'] = 'table.insert(req.imps, {}) return #req.imps > 1',
  ['table.sort of the shared'] = 'table.sort(req.imps) return false',
  ['next over a library'] = 'return next(math)',
  ['a userdata of its own'] = 'return newproxy(true)',
  ['unpack of a library'] = 'return unpack(math)',
  ['a library as a number'] = 'return math + 1',
  -- the machine
  ['debug'] = 'return debug.getregistry()',
  ['debug through an error'] = 'local _, e = pcall(error, setmetatable({}, { __index = debug })) return e.getregistry',
  ['ffi'] = "return require 'ffi'",
  ['ffi by its literals'] = "return type(1LL) == 'cdata' and (1LL).cast",
  ['jit'] = "return jit or require 'jit'",
  ['jit.util'] = "return require 'jit.util'",
  ['io'] = "return io.open '/etc/passwd'",
  ['os.execute'] = "return os.execute 'true'",
  ['os.getenv'] = "return os.getenv 'PATH'",
  ['the collector, stopped'] = "return collectgarbage 'stop'",
  ['the collector, run'] = "return collectgarbage 'collect'",
  ['randomseed'] = 'return math.randomseed(1)',
  -- strings that nobody has room for
  ['rep of 2^40'] = "return #('x'):rep(2 ^ 40) > 0",
  ['rep of a negative number'] = "return #('x'):rep(-1) > 0",
  ['rep in rep'] = "return ('x'):rep(1e5):rep(1e5)",
  ['concat of one long string'] = "local s, t = ('x'):rep(1e6), {} for i = 1, 1e3 do t[i] = s end return table.concat(t)",
  ['concat with a long separator'] = "return table.concat({ 1, 2, 3, 4, 5, 6, 7, 8, 9 }, ('x'):rep(2e7))",
  ['concat of indices without end'] = 'return #table.concat({}, "", 1, 2 ^ 53) > 0',
  ['a width of ten digits'] = "return ('%9999999999d'):format(1)",
  ['a precision of ten digits'] = "return ('%.9999999999f'):format(1)",
  ['a width beyond two digits'] = "return #('%100d'):format(1) > 99",
  ['format with too few arguments'] = "return ('%s %s %s'):format(1)",
  ['unpack of 2^31'] = 'return #{ unpack({}, 1, 2 ^ 31) } > 0',
  ['select far out'] = "return select(2 ^ 53, 1)",
  ['byte of everything'] = "return #{ (('x'):rep(1e7)):byte(1, -1) } > 1e6",
  ['a capture bomb'] = "return (('x'):rep(40)):find(('('):rep(40) .. (')'):rep(40))",
}

-- Code that would run on without end: stopped by its limit, and the strategy alone pays.
local STOPPED = {
  ['a loop'] = 'while true do end',
  ['a loop that catches its end'] = 'while true do pcall(function() while true do end end) end',
  ['a handler that loops'] = "xpcall(function() error 'x' end, function() while true do end end) while true do end",
  ['a handler that fails'] = "xpcall(function() error 'x' end, function() error 'y' end) while true do end",
  ['a coroutine that dodges'] = 'while true do coroutine.wrap(function() while true do end end)() end',
  ['coroutines, a new one each step'] = 'while true do coroutine.resume(coroutine.create(function() end)) end',
  ['a coroutine that yields for ever'] = [[local c = coroutine.wrap(function() while true do coroutine.yield() end end)
    while true do c() end]],
  ['pcall around coroutines'] = 'while true do pcall(coroutine.wrap(function() while true do end end)) end',
  ['a metamethod'] = 'return setmetatable({}, { __index = function() while true do end end }).x',
  ['__gc of a table'] = 'setmetatable({}, { __gc = function() while true do end end }) while true do local _ = {} end',
  ['__concat'] = "return setmetatable({}, { __concat = function() while true do end end }) .. ''",
  ['__tostring'] = 'return tostring(setmetatable({}, { __tostring = function() while true do end end }))',
  ['__lt in a sort'] = [[local m, t = { __lt = function() while true do end end }, {}
    for i = 1, 9 do t[i] = setmetatable({}, m) end table.sort(t)]],
  ['a sort that never agrees'] = [[while true do
    local t = {} for i = 1, 99 do t[i] = i end pcall(table.sort, t, function() return true end) end]],
  ['a gsub callback'] = "return (('x'):gsub('x', function() while true do end end))",
  ['an iterator'] = 'for _ in function() return 1 end do end',
}

local HARMLESS = { nothing = true, script_error = true, script_memory = true, script_timeout = true }
-- Loops that make tables: on a slow machine the memory may be full before the time is over.
local ENDS = { script_timeout = true, script_memory = true }
local BYTECODE = string.dump(function() return { n = 1 } end)

describe('a way out of the sandbox', function()
  local folder
  before_each(function()
    folder = folders.new()
    folder:write('lists/zones.txt', '1\n')
    folder:write('lib/compiled.lua', BYTECODE)
  end)
  after_each(function() folder:remove() end)

  local function load(code)
    folder:write('strategies/probe.lua', ([[
      local LIST = list 'zones.txt'
      local function try(ctx, req, imp) local _ = LIST %s end
      return strategy { name = 'probe', bid = function(ctx, req, imp)
        if not req.user.keyword then return nobid('fine_' .. ('x'):rep(2) .. '_' .. type(_G) .. #req.imps) end
        if try(ctx, req, imp) then return nobid 'out' end
        return nobid 'nothing'
      end }]]):format(code))
    return folder:load { now = '2026-03-02T09:00:00Z' }
  end

  local function is_unharmed(bidder)
    assert.nobids(bidder:bid(kit.exoclick.banner()), 'fine_xx_userdata1')
  end

  for name, code in pairs(NOTHING) do
    it('leads nowhere: ' .. name, function()
      local bidder = load(code)
      local nobid = bidder:bid(kit.exoclick.banner { keyword = 'x' }).nobids[1]
      assert.is_true(HARMLESS[nobid.reason], nobid.reason .. ' ' .. tostring(nobid.problem))
      is_unharmed(bidder)
    end)
  end

  for name, code in pairs(STOPPED) do
    it('comes to its end: ' .. name, function()
      local bidder = load(code)
      for _ = 1, 2 do
        local nobid = bidder:bid(kit.exoclick.banner { keyword = 'x' }).nobids[1]
        assert.is_true(ENDS[nobid.reason], nobid.reason .. ' ' .. tostring(nobid.problem))
        is_unharmed(bidder)
      end
    end)
  end

  it('is no file with bytecode', function()
    folder:write('strategies/probe.lua', BYTECODE)
    local ok, problem = pcall(folder.load, folder)
    assert.is_false(ok)
    assert.matches('strategies/probe.lua', problem, 1, true)
  end)

  it('is no list that is changed', function()
    local bidder = load "LIST.has = function() return true end return true"
    assert.nobids(bidder:bid(kit.exoclick.banner { keyword = 'x' }), 'script_error')
    is_unharmed(bidder)
  end)
end)
