-- docs/strategies.md names all that a strategy may use, and nothing else; its strategy and its spec run.

local kit = require 'moonbid.kit'

local names = require 'spec.support.names'
local read, sorted = names.read, names.sorted

local guide = read 'docs/strategies.md'

-- The words in backquotes, a list of names, as a set.
local function words(text)
  local set = {}
  for quoted in text:gmatch '`([^`]+)`' do
    for word in quoted:gmatch '[%w_]+' do set[word] = true end
  end
  return set
end

-- First and second column of the tables between two headings.
local function rows(from, to)
  local section = guide:match(from .. '\n(.-)\n' .. to)
  assert(section, from .. ' is no heading of the guide')
  return section:gmatch '\n|([^|\n]+)|([^|\n]*)|'
end

describe('the guide to strategies', function()
  it('has the fields of req and imp', function()
    local members = {}
    for row, fields in rows('## What `bid` gets and gives', '### What it returns') do
      local name = row:match '`([%w_.]+)`'
      if name and (name:find '^req' or name == 'imp') then members[name] = words(fields) end
    end
    for name, known in pairs(names.of_request()) do assert.same(sorted(known), sorted(members[name] or {}), name) end
  end)

  it('has the keys of target', function()
    local told = {}
    for row in rows('## Target: decided before any Lua runs', '## Limits') do
      for name in pairs(row:find 'lists/' and {} or words(row)) do told[name] = true end
    end
    local known = names.captured(read 'include/moonbid/strategy.h':match '#define MB_TARGET_MAP(.-)\n\n',
      'XX%([%u_]+, +"([%l_]+)"')
    known.hours = true
    assert.same(sorted(known), sorted(told))
  end)

  it('has the tokens that the engine fills', function()
    local told = {}
    for name in guide:match '## Tokens\n\n([^\n]+)':match '`({request_id}[^`]+)`':gmatch '{([%l_]+)}' do told[name] = true end
    local source = read 'src/bidder/expand.c':match 'static enum built_in find_built_in(.-)\n}\n'
    local known = names.captured(source, 'ROW%("([%l_]+)", ')
    known.impression_url = nil -- told where impressions are
    assert.is_truthy(guide:find('{{impression_url}}', 1, true))
    assert.same(sorted(known), sorted(told))
  end)

  it('has the globals of the sandbox', function()
    for name in read '.luacheckrc':match 'sandbox = (%b{})':gmatch "'(%w+)'" do
      assert.is_truthy(guide:find('`' .. name .. '[ %.%(\']'), name)
    end
  end)

  it('has the functions of the kit', function()
    local told, known = {}, {}
    for row in rows('## Testing', '## What stops a script') do
      if row:find('`bidder:`', 1, true) then
        for name in pairs(words(row)) do told['bidder:' .. name] = true end
      end
    end
    told['bidder:bidder'] = nil
    for name in read 'scripts/moonbid/kit.lua':gmatch '\nfunction Bidder[:.](%l+)' do known['bidder:' .. name] = true end
    known['bidder:bid'] = true -- another name of send
    assert.same(sorted(known), sorted(told))
    local page = guide:match '## Testing\n(.-)\n## What stops a script'
    for exchange in pairs { exoclick = 1, xandr = 1, openrtb = 1 } do
      for name in pairs(kit[exchange]) do assert.is_truthy(page:find('%f[%w_]' .. name .. '%f[^%w_]'), exchange .. ' ' .. name) end
    end
    for _, name in ipairs { 'bids', 'nobids', 'answers', 'prices', 'golden' } do
      assert.is_truthy(page:find('assert.' .. name .. '(', 1, true), name)
    end
    assert.is_truthy(page:find('kit.cost(', 1, true))
  end)

  it('has every word for devices', function()
    local source = read 'src/auction/device.c'
    for key, list in pairs { device = 'types', os = 'systems', browser = 'browsers' } do
      local known = names.captured(source:match('%*const ' .. list .. '%[%] = {(.-)}'), '"([%w_]+)"')
      local told
      for row, values in rows('## Target: decided before any Lua runs', '## Limits') do
        if row:find('`' .. key .. '`', 1, true) then told = words(values) end
      end
      assert.same(sorted(known), sorted(told or {}), key)
    end
  end)

  it('has the members of ctx', function()
    local told = {}
    for row in rows('## What `bid` gets and gives', '### What it returns') do
      if not row:find 'req' and not row:find 'imp`' and not row:find '`ctx`' then
        for name in pairs(words(row)) do told[name] = true end
      end
    end
    assert.same(sorted(names.of_ctx()), sorted(told))
  end)

  it('has the fields of a bid', function()
    local told = {}
    for row in rows('And `price` always. The others:', '## Tokens') do
      for name in pairs(words(row)) do told[name] = true end
    end
    assert.same(sorted(names.of_bid()), sorted(told))
  end)

  it('has the fields of an event', function()
    local told = {}
    for row, fields in rows('## What comes back', '## Why is it not bidding%?') do
      if not row:find '`' then
        for name in pairs(words(fields)) do told[name] = true end
      end
    end
    assert.same(sorted(names.of_event()), sorted(told))
  end)

  it('has the keys of limits', function()
    local told = {}
    for row in rows('## Limits: held in C, whatever the script does', '## What `bid` gets and gives') do
      for name in pairs(words(row)) do told[name] = true end
    end
    told.timezone = guide:find('`timezone`', 1, true) and true
    assert.same(sorted(names.of_limits()), sorted(told))
  end)

  it('has the reasons of the engine', function()
    local told = {}
    for row in rows('## Why is it not bidding%?', '## Testing') do
      for name in pairs(words(row)) do told[name] = true end
    end
    local known = names.captured(read('include/moonbid/auction.h'):match '#define MB_NOBID_MAP(.-)\n\n',
      'XX%([%u_]+, +"([%l_]+)"%)')
    known.script = nil -- the strategy's own word
    assert.same(sorted(known), sorted(told))
  end)
end)

describe('the guide\'s first strategy', function()
  local folder = os.tmpname()
  os.remove(folder)
  os.execute('mkdir -p ' .. folder .. '/strategies')
  local file = assert(io.open(folder .. '/strategies/tea.lua', 'w'))
  file:write((guide:match "<<'LUA'\n(.-\n)LUA\n":gsub('0%.80', '0.90'))) -- as it is when the page comes to testing
  file:close()
  teardown(function() os.execute('rm -rf ' .. folder) end)

  -- The page's own spec.
  local spec = guide:match('\n```lua\n(.-)\n```'):gsub("'play'", ('%q'):format(folder))
  setfenv(assert(loadstring(spec, '=docs/strategies.md')), getfenv(1))()

  it('declines what is dear, and not the floor before it', function()
    local bidder = kit.load { scripts = folder }
    assert.bids(bidder:bid(kit.openrtb.banner { imp = { bidfloor = 2 } }), { price = 2 })
    assert.nobids(bidder:bid(kit.openrtb.banner { imp = { bidfloor = 2.01 } }), 'dear')
  end)
end)
