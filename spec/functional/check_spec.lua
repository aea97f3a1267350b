-- `moonbid check` as a linter: what loads and is hardly meant, each with file, line and what to do.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'
local mmdb = require 'spec.support.mmdb'
local nesting = require 'spec.support.nesting'

describe('check', function()
  local folder
  before_each(function()
    local pipe = io.popen 'mktemp -d'
    folder = pipe:read '*l'
    pipe:close()
    os.execute(('mkdir -p %s/strategies %s/lib'):format(folder, folder))
  end)
  after_each(function() os.execute('rm -rf ' .. folder) end)

  local function check(text, flags)
    Server.write_file(folder .. '/strategies/a.lua', text)
    return Server.run(('check --scripts %s %s'):format(folder, flags or ''), folder) -- no config but the default
  end

  local GUIDE = Server.read_file 'docs/strategies.md'

  local function json(flags)
    local output, status = Server.run(('check --format json --scripts %s %s'):format(folder, flags or ''), folder)
    return dkjson.decode(output), status
  end

  local function lines(text)
    local list = {}
    for line in (text .. '\n'):gmatch '(.-)\n' do list[#list + 1] = line end
    return list
  end

  local GOOD = [[
local prices = { DE = 1.5 }
return strategy { name = 'a', target = { format = { 'popunder' } },
  tokens = { src = function(ctx, req) return req.tokens.src_hostname end },
  bid = function(ctx, req)
    local seen = 0
    local function count() local list = {} seen = seen + 1 table.insert(list, prices) end
    count()
    local word = (req.site.page or ''):match '^https://([^/]+)/.*'
    if not word then return nobid 'no_page' end
    return { price = prices[req.geo.country] or seen, url = 'https://go.example/?s={src}&z={zone_id}&p=${AUCTION_PRICE}' }
  end }
]]

  it('finds nothing in what is meant', function()
    local output, status = check(GOOD, '--strict')
    assert.equal(0, status, output)
    assert.matches('^pure: 1 of 1 [^\n]+\nok: 1 strategy, 0 warnings', output)
  end)

  -- What is put in the place of what in the good one, and the line and the words of the finding.
  for what, row in pairs {
    ['a local of the file that counts'] = { 'local prices = { DE = 1.5 }\n', 'local prices, n = {}, 0\n',
      "count%(%)\n    local word", 'n = n + 1\n    local word', 7, "keeps state in the local 'n'" },
    ['a table of the file with a number in it'] = { 'count%(%)\n    local word', 'prices[1] = 2\n    local word', nil, nil, 7,
      "keeps state in the local 'prices'" },
    ['a table of the file that a function of the library changes'] = { 'count%(%)\n    local word',
      'table.insert(prices, seen)\n    local word', nil, nil, 7, "keeps state in the local 'prices'" },
    ['a table of the file that a local function of the library changes'] = { 'local prices = { DE = 1.5 }\n',
      'local prices, put = { DE = 1.5 }, rawset\n', 'count%(%)\n    local word', "put(prices, 'FR', seen)\n    local word", 7,
      "keeps state in the local 'prices'" },
    ['a table of the file that grows'] = { 'count%(%)\n    local word', 'prices[#prices + 1] = 1\n    local word', nil, nil, 7,
      "keeps state in the local 'prices'" },
    ['state behind a function of the file'] = { 'local prices = { DE = 1.5 }\n',
      'local prices, n = {}, 0 local function tick() n = n + 1 end\n', 'count%(%)\n    local word', 'tick()\n    local word', 1,
      "keeps state in the local 'n'" },
    ['a global that is set'] = { 'local seen = 0', 'seen = 0', nil, nil, 5, "sets the global 'seen': write `local`" },
    ['a global that nobody sets'] = { "prices%[", 'price[', nil, nil, 10, "reads the global 'price'" },
    ['a token that nobody fills'] = { '{zone_id}', '{zone_ip}', nil, nil, 10, '{zone_ip} is no token' },
    ['a way that says nothing'] = { "return nobid 'no_page'", 'return', nil, nil, 9, "say nobid 'why'" },
    ['nil, which says nothing'] = { "return nobid 'no_page'", 'return nil', nil, nil, 9, "say nobid 'why'" },
    ['a pattern that explodes'] = { "'%^https://%(%[%^/%]%+%)/%.%*'", "'(.*)a(.*)b(.*)'", nil, nil, 8, 'tries every way' },
    ['a target that excludes itself'] = { "'popunder' } }", "'popunder' }, zone = { '1' }, exclude = { zone = { '1' } } }", nil,
      nil, 2, 'target.zone: exclude names all of it' },
    ['a size of what has none'] = { "'popunder' } }", "'popunder' }, size = { '300x250' } }", nil, nil, 2, 'target.size' },
  } do
    it('finds ' .. what, function()
      local text, count = GOOD:gsub(row[1], (row[2]:gsub('%%', '%%%%')))
      assert.equal(1, count)
      if row[3] then text = text:gsub(row[3], row[4]) end
      local output, status = check(text)
      assert.equal(0, status, output)
      local found
      for line, words in output:gmatch 'strategies/a%.lua:(%d+): warning: ([^\n]+)' do
        if tonumber(line) == row[5] and words:find(row[6], 1, true) then found = true end
      end
      assert.is_true(found, output)
      local told = json()
      assert.same({ 'ok', 1, 0, #told.findings }, { told.outcome, told.strategies, told.errors, told.warnings })
      for _, f in ipairs(told.findings) do
        found = found == true and f.line == row[5] and f.message .. ': ' .. f.suggestion or found
        assert.same({ folder .. '/strategies/a.lua', 'warning', true }, { f.file, f.severity, #f.suggestion > 5 })
        assert.matches('| `' .. f.code:gsub('_%d+$', '_211') .. '`', GUIDE, 1, true)
        if f.column then -- what the message names stands there
          local there = lines(text)[f.line]:sub(f.column)
          assert.is_truthy(f.message:find(there:match '^[%w_]+' or there:match '^{[%w_]+}' or there:match "^[^']+", 1, true), there)
        end
      end
      assert.matches(row[6], found, 1, true)
      local pure = not row[6]:find('keeps state', 1, true)
      assert.matches(pure and 'pure: 1 of 1' or 'pure: 0 of 1 strategies; a replay may decide otherwise for: a', output, 1, true)
    end)
  end

  -- Ways through `bid` that all say something, in the forms that people write, and one of each that does not.
  for what, body in pairs {
    ['if and else'] = "if req.test then return bid else return nobid 'no' end",
    ['if, elseif and else'] = "if req.test then return bid elseif imp.floor > 1 then return nobid 'a' else return nobid 'b' end",
    ['a loop without an end'] = "while true do if ctx.random() < 0.5 then return bid end ctx.get 'x' end",
    ['a loop that repeats'] = "repeat local x = ctx.random(2) if x == 2 then return nobid 'two' end until x == 1 return bid",
    ['a loop over a table'] = "for _, v in pairs { 1, 2 } do if imp.floor > v then return nobid 'dear' end end return bid",
    ['a call in the end'] = "local function answer(p) bid.price = p return bid end return answer(imp.floor)",
    ['a block in the end'] = "do local x = imp.floor bid.price = function() return x end return bid end",
    ['and and or'] = "return imp.floor > 1 and nobid 'dear' or bid",
  } do
    it('knows that all ways are told: ' .. what, function()
      local text = ("return strategy { name = 'a', target = { format = { 'popunder' } }, bid = function(ctx, req, imp)\n"
        .. "local bid = { price = ctx.now > 0 and req.id and imp.floor, url = 'https://go.example/' }\n%s\nend }\n")
      assert.matches('ok: 1 strategy, 0 warnings', (check(text:format(body))), 1, true)
      local silent, count = body:gsub('return bid', 'return', 1)
      if count > 0 and not silent:find 'function' then
        assert.matches('a.lua:3: warning: strategy a: bid returns nothing here', (check(text:format(silent))), 1, true)
      end
    end)
  end

  it('says to a machine what is refused, and what is wrong with the config', function()
    check(GOOD:gsub('target =', 'taget ='))
    local told, status = json()
    assert.same({ 1, 'refused', 1, 0 }, { status, told.outcome, told.errors, told.warnings })
    assert.same({ { file = folder .. '/strategies/a.lua', line = 2, code = 'load', severity = 'error',
      message = 'taget: unknown key' } }, told.findings)
    check(GOOD:gsub('local seen', 'local = seen'))
    told = json()
    assert.same({ 5, 'load' }, { told.findings[1].line, told.findings[1].code })
    check(GOOD)
    os.execute(('mkdir %s/golden'):format(folder))
    Server.write_file(folder .. '/golden/a.json',
      '{"endpoint":"openrtb","request":{"id":"1","imp":[{"id":"1","banner":{}}]},"expect":"bid"}')
    told, status = json()
    assert.same({ 1, 'golden', folder .. '/golden/a.json' }, { status, told.findings[1].code, told.findings[1].file })
    local output = Server.run(('check --format json --set limits.body_bytes=1 --scripts %s'):format(folder), folder)
    told = dkjson.decode(output:match '\n({.*)$')
    assert.same({ 'refused', 'config', 'limits.body_bytes' }, { told.outcome, told.findings[1].code, told.findings[1].file })
    assert.equal(2, select(2, Server.run('check --format csv', folder)))
  end)

  it('looks through candidates as well, and holds none of them for one that bids', function()
    os.execute(('mkdir -p %s/new/strategies'):format(folder))
    Server.write_file(folder .. '/new/strategies/a.lua', (GOOD:gsub('zone_id', 'zone_ip')))
    check((GOOD:gsub("name = 'a'", "name = 'a', priority = 1, shadow = true"):gsub("return nobid 'no_page'", "log.info 'no page'")))
    Server.write_file(folder .. '/strategies/b.lua', (GOOD:gsub("name = 'a'", "name = 'b'")))
    local told = json(('--set shadow.scripts=%s/new'):format(folder))
    assert.same({ 3, 1, { 'a', 'b', 'shadow:a' } }, { told.strategies, #told.findings, told.pure })
    assert.same({ folder .. '/new/strategies/a.lua', 'token' }, { told.findings[1].file, told.findings[1].code })
  end)

  it('refuses on a finding where that is asked for', function()
    local text = GOOD:gsub('zone_id', 'zone_ip')
    assert.equal(0, select(2, check(text)))
    assert.equal(1, select(2, check(text, '--strict')))
  end)

  it('finds state in a module, and none in one that has none', function()
    local text = "local lib = require 'lib.count' " .. GOOD:gsub('count%(%)\n', 'lib.next()\n')
    Server.write_file(folder .. '/lib/count.lua', [[local deep = require 'lib.deep'
      return { next = function() return deep.next() end }]])
    Server.write_file(folder .. '/lib/deep.lua', 'local k = 3\nreturn { next = function() return k end }')
    assert.matches('pure: 1 of 1', check(text), 1, true)
    Server.write_file(folder .. '/lib/deep.lua', 'local n = 0\nreturn { next = function() n = n + 1 return n end }')
    local output = check(text)
    assert.matches("lib/deep.lua:2 keeps state in the local 'n'", output, 1, true)
    assert.matches('pure: 0 of 1', output, 1, true)
  end)

  it('looks through the modules that strategies require, each once', function()
    local text = "local lib = require 'lib.count' " .. GOOD:gsub('count%(%)\n', 'lib.next()\n')
    Server.write_file(folder .. '/lib/count.lua', "local deep = require 'lib.deep'\nreturn { next = function() return deep end }")
    Server.write_file(folder .. '/lib/deep.lua', "local url = 'https://go.example/{of_a_strategy}'\nlocal function f(t)\n"
      .. "  found = t:match '(.*)a(.*)b(.*)'\n  return found, url\nend\nreturn f")
    Server.write_file(folder .. '/lib/unused.lua', 'x = 1')
    Server.write_file(folder .. '/strategies/b.lua', (text:gsub("name = 'a'", "name = 'b', priority = 0")))
    check(text)
    local codes = {}
    for _, f in ipairs(json().findings) do
      if f.file == folder .. '/lib/deep.lua' then codes[#codes + 1] = f.line .. ' ' .. f.code end
      assert.not_equal(folder .. '/lib/unused.lua', f.file)
    end
    assert.same({ '3 sets_global', '3 pattern', '4 reads_global' }, codes)
  end)

  for name, body in pairs(nesting) do
    it('survives a file that nests without end while it loads: ' .. name, function()
      local output, status = check(body)
      assert.equal(1, status, output)
      assert.matches('strategies/a.lua:%d+: error: [^\n]*stack overflow', output)
    end)
  end

  it('finds who is always outranked', function()
    local output = check [[
local function one(name, more)
  return strategy { name = name, priority = more.priority, target = more.target,
    bid = function() return { price = 1, url = 'https://go.example/' } end }
end
return { one('wide', { priority = 2, target = { format = { 'popunder', 'direct_link' } } }),
         one('narrow', { priority = 1, target = { format = { 'popunder' }, country = { 'DE' } } }),
         one('other', { priority = 1, target = { format = { 'direct_link', 'banner' } } }) }
]]
    assert.matches('strategy narrow: wide wants all that it wants', output, 1, true)
    assert.is_nil(output:find('strategy other', 1, true))
  end)

  it('passes on what luacheck finds', function()
    local pipe = io.popen 'command -v luacheck'
    local path = pipe:read '*l'
    pipe:close()
    if not path then return pending 'luacheck is not installed' end
    local output = check((GOOD:gsub('local seen = 0', 'local seen, unused = 0, 1')))
    assert.matches("a.lua:5: warning: unused variable 'unused'", output, 1, true)
  end)

  it('finds nothing in the examples', function()
    mmdb.write(folder .. '/places.mmdb', { { '192.0.2.0/24', { country = { iso_code = 'DE' } } } })
    local output, status = Server.run(('check --strict --scripts scripts --set geoip=%s/places.mmdb'):format(folder))
    assert.equal(0, status, output)
  end)
end)
