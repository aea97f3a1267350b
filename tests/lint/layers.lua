-- layers.lua - which module may include which: the table, and the check of every #include line against it.
--
--   luajit tests/lint/layers.lua ROOT          exit status 1 and one line per forbidden include
--   luajit tests/lint/layers.lua --self-test   the check finds what it must
--
-- Left of the colon a module (a folder under src, or the owner of a header), right of it the modules whose headers
-- it may include beside its own. docs/architecture.md gives the reasons where this is more than the design says.
local EVERYTHING_BELOW = 'base json metrics auction exchange guard index notice geo tape script'

local MAY_USE = {
  base = '',
  json = 'base',
  metrics = 'base',
  auction = 'base',
  exchange = 'base json auction',
  guard = 'base auction metrics',
  index = 'base auction',
  ledger = 'base auction metrics json',
  notice = 'base auction',
  geo = 'base',
  tape = 'base',
  script = 'base auction guard metrics json tape',
  net = 'base metrics',
  fetch = 'base metrics',
  bidder = EVERYTHING_BELOW,
  recorder = EVERYTHING_BELOW .. ' bidder',
  process = EVERYTHING_BELOW .. ' ledger net fetch bidder recorder',
  replay = EVERYTHING_BELOW .. ' bidder recorder',
  cli = EVERYTHING_BELOW .. ' ledger net fetch bidder recorder process replay',
  kit = EVERYTHING_BELOW .. ' bidder recorder replay',
  simulator = 'base json net',
}

-- Single headers of a module that another may not use as a whole.
local MAY_USE_HEADER = { kit = 'moonbid/limiter.h' }

-- Headers under include/moonbid that do not carry their module's name.
local OWNER = {
  ['bundle.h'] = 'script',
  ['config.h'] = 'bidder',
  ['strategy.h'] = 'auction',
  ['json_doc.h'] = 'json',
  ['limiter.h'] = 'process',
  ['market.h'] = 'guard',
  ['recent.h'] = 'notice',
  ['arms.h'] = 'ledger',
  ['report.h'] = 'ledger',
  ['tally.h'] = 'metrics',
  ['trace.h'] = 'bidder',
}

-- Third-party headers and who alone may include them.
local LUA = 'script kit'
local THIRD_PARTY = {
  ['cjson/cJSON.h'] = 'json',
  ['sqlite3.h'] = 'ledger',
  ['sodium.h'] = 'notice',
  ['maxminddb.h'] = 'geo',
  ['zlib.h'] = 'net recorder replay',
  ['curl/curl.h'] = 'fetch',
  ['uv.h'] = 'net process simulator',
  ['llhttp.h'] = 'net',
  ['lua.h'] = LUA,
  ['lualib.h'] = LUA,
  ['lauxlib.h'] = LUA,
  ['luajit.h'] = LUA,
}

-- cli/version.c names the libraries' versions and serve.c runs their loop; `everything` is what the design allows cli.
local ANY_THIRD_PARTY = { cli = true }

local function has(words, word)
  return (' ' .. (words or '') .. ' '):find(' ' .. word .. ' ', 1, true) ~= nil
end

-- 'include/moonbid/base/arena.h' -> 'base'; 'src/net/conn.c' -> 'net'
local function owner_of(path)
  local module = path:match '^src/([%w_]+)/' or path:match '^include/moonbid/([%w_]+)/'
  if module then return module end
  local header = path:match '^include/moonbid/([%w_]+%.h)$'
  return header and (OWNER[header] or header:match '^(.-)%.h$')
end

-- nil, or why `path` may not include `name`.
local function problem(path, name)
  local module = owner_of(path)
  if not MAY_USE[module] then return ("belongs to no module of the table: '%s'"):format(tostring(module)) end
  if THIRD_PARTY[name] then
    if has(THIRD_PARTY[name], module) or ANY_THIRD_PARTY[module] then return nil end
    return ('%s belongs to %s'):format(name, THIRD_PARTY[name])
  end
  if name:find('..', 1, true) then return ('%s leaves the folder'):format(name) end
  if not name:match '^moonbid/' then return nil end
  local used = owner_of('include/' .. name)
  if used == module or has(MAY_USE[module], used) or has(MAY_USE_HEADER[module], name) then return nil end
  return ('%s may not use %s (%s)'):format(module, tostring(used), name)
end

local function check(root)
  local files = assert(io.popen(("cd '%s' && find src include -name '*.[ch]' | sort"):format(root)))
  local found, lines_read = 0, 0
  for path in files:lines() do
    local number = 0
    for line in io.lines(root .. '/' .. path) do
      number = number + 1
      local name = line:match '^%s*#%s*include%s*[<"]([^>"]+)[>"]'
      if name then
        lines_read = lines_read + 1
        local why = problem(path, name)
        if why then
          found = found + 1
          print(('%s:%d: %s'):format(path, number, why))
        end
      end
    end
  end
  files:close()
  assert(lines_read > 0, 'no #include line found under ' .. root)
  return found
end

local SELF_TEST = {
  -- path, include, is it allowed
  { 'src/base/arena.c', 'moonbid/base/arena.h', true },
  { 'src/base/arena.c', 'moonbid/json.h', false },
  { 'src/exchange/xandr.c', 'moonbid/json.h', true },
  { 'src/exchange/xandr.c', 'moonbid/json_doc.h', true },
  { 'src/exchange/xandr.c', 'moonbid/guard.h', false },
  { 'src/net/conn.c', 'moonbid/auction.h', false },
  { 'src/net/conn.c', 'moonbid/strategy.h', false },
  { 'src/net/conn.c', 'uv.h', true },
  { 'src/script/state.c', 'uv.h', false },
  { 'src/fetch/fetch.c', 'curl/curl.h', true },
  { 'src/process/worker.c', 'curl/curl.h', false },
  { 'src/fetch/fetch.c', 'moonbid/bidder.h', false },
  { 'src/script/state.c', 'lua.h', true },
  { 'src/bidder/bid.c', 'lua.h', false },
  { 'src/bidder/bid.c', 'moonbid/ledger.h', false },
  { 'src/bidder/bid.c', 'moonbid/net.h', false },
  { 'src/bidder/bid.c', '../net/internal.h', false },
  { 'src/kit/core.c', 'moonbid/limiter.h', true },
  { 'src/kit/core.c', 'moonbid/process.h', false },
  { 'src/simulator/main.c', 'moonbid/exchange.h', false },
  { 'include/moonbid/config.h', 'moonbid/exchange.h', true },
  { 'include/moonbid/net.h', 'moonbid/bidder.h', false },
  { 'include/moonbid/base/arena.h', 'moonbid/metrics.h', false },
  { 'src/unheard/of.c', 'moonbid/base.h', false },
}

local function self_test()
  local wrong = 0
  for _, row in ipairs(SELF_TEST) do
    local path, name, allowed = row[1], row[2], row[3]
    if (problem(path, name) == nil) ~= allowed then
      wrong = wrong + 1
      print(('%s including %s is %s, it must not be'):format(path, name, allowed and 'refused' or 'let through'))
    end
  end
  return wrong
end

os.exit((arg[1] == '--self-test' and self_test() or arg[1] ~= '--self-test' and check(arg[1])) == 0 and 0 or 1)
