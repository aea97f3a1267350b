-- scripts/moonbid/types.lua, which editors complete from, has every name that strategies may use, and no other.

local names = require 'spec.support.names'

local text = names.read 'scripts/moonbid/types.lua'

-- Fields and functions of a class.
local function fields_of(class)
  local set = {}
  local block = assert(text:match('%-%-%-@class moonbid%.' .. class .. '%f[^%w](.-)\n\n'), class)
  for name in block:gmatch '\n%-%-%-@field ([%w_]+)' do set[name] = true end
  for name in block:gmatch '\nfunction %w+[.:]([%w_]+)' do set[name] = true end
  return names.sorted(set)
end

describe('the types for editors', function()
  it('are Lua', function() assert(loadstring(text)) end)

  for class, table in pairs {
    Request = 'req', Imp = 'imp', Site = 'req.site', App = 'req.app', Device = 'req.device', Geo = 'req.geo', User = 'req.user',
    Regs = 'req.regs', Blocked = 'req.blocked',
  } do
    it('have the fields of ' .. table, function()
      assert.same(names.sorted(names.of_request()[table]), fields_of(class))
    end)
  end

  for class, known in pairs {
    Ctx = names.of_ctx, Bid = names.of_bid, Event = names.of_event, Limits = names.of_limits, Strategy = names.of_strategy,
  } do
    it('have the fields of ' .. class, function() assert.same(names.sorted(known()), fields_of(class)) end)
  end

  it('have the keys of target', function()
    local known = names.captured(names.read('include/moonbid/strategy.h'):match '#define MB_TARGET_MAP(.-)\n\n',
      'XX%([%u_]+, +"([%l_]+)"')
    assert.same(names.sorted(known), fields_of 'Targets')
    assert.same({ 'exclude', 'hours' }, fields_of 'Target')
  end)

  it('have the globals of the sandbox', function()
    local rows = names.read '.luacheckrc':match 'sandbox = (%b{})'
    for name in rows:gmatch "'(%w+)'" do
      local declared = text:find('\nfunction ' .. name .. '(', 1, true) or text:find('\n' .. name .. ' = {}', 1, true)
      assert.is_truthy(declared, name)
    end
  end)

  it('have the options of kit.load', function()
    local kit = names.read 'scripts/moonbid/kit.lua'
    local options = kit:match '\nlocal OPTIONS = (%b{})'
    local annotated = kit:match '%-%-%-@class moonbid%.kit%.Options\n(.-)\n\n'
    assert.same(names.sorted(names.captured(options, '\n  ([%l]+) = function')),
      names.sorted(names.captured(annotated, '%-%-%-@field ([%l]+)')))
  end)

  it("have the parameters of the kit's functions", function()
    local seen = 0
    for notes, name, parameters in names.read('scripts/moonbid/kit.lua')
      :gmatch '\n\n(%-%-%-[^\n]*\n[%-@ %g\n]-)function ([%w]+[.:][%w]+)%(([^)]*)%)' do
      local declared = {}
      for parameter in notes:gmatch '%-%-%-@param ([%l]+)' do declared[#declared + 1] = parameter end
      assert.equal(parameters, table.concat(declared, ', '), name)
      seen = seen + 1
    end
    assert.equal(14, seen)
  end)
end)
