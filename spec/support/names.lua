--- names.lua - what strategies may use, read out of the C tables that offer it.
--
-- Documents and annotations are compared with these sets: a name that one side lacks fails a spec.
local names = {}

function names.read(path)
  local file = assert(io.open(path))
  local text = file:read '*a'
  file:close()
  return text
end

function names.sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

--- What the patterns capture in the text, as a set.
function names.captured(text, ...)
  local set = {}
  for _, pattern in ipairs { ... } do
    for name in text:gmatch(pattern) do set[name] = true end
  end
  assert(next(set), 'no name found')
  return set
end

--- Fields of req, imp and the parts of req, by the name of the table.
function names.of_request()
  local source, members = names.read 'src/script/view_request.c', {}
  for name, macro in pairs {
    req = 'REQUEST', imp = 'IMP', ['req.site'] = 'SITE', ['req.geo'] = 'GEO', ['req.user'] = 'USER', ['req.regs'] = 'REGS',
    ['req.device'] = 'DEVICE',
  } do
    local start = '%f[%w]' .. macro .. '%([%u_%d]+, '
    members[name] = names.captured(source, start .. '([%l_]+)%)', start .. '"([%l_]+)"')
  end
  for name, macro in pairs { ['req.app'] = 'APP', ['req.blocked'] = 'BLOCKED' } do
    members[name] = names.captured(source, '%f[%w]' .. macro .. '%(([%l_]+)%)')
    members[name].member = nil -- the macro's own
  end
  return members
end

function names.of_ctx() return names.captured(names.read 'src/script/ctx.c', '{"([%l_]+)", [%w_, ]+}') end

function names.of_bid()
  return names.captured(names.read('src/script/result.c'):match 'bid_fields%[%] = (%b{})', 'SAME%([%u_]+, ([%l_]+)%)', '"([%l_]+)"')
end

function names.of_event()
  return names.captured(names.read('src/script/view_event.c'):match 'event_fields%[%] = (%b{})',
    'TEXT%(([%l_]+)%)', 'PRICE%(([%l_]+)%)', '"([%l_]+)"')
end

function names.of_limits()
  return names.captured(names.read('src/script/limits.c'):match 'known_keys%[%] = (%b{})', '"([%l_]+)"')
end

function names.of_strategy()
  return names.captured(names.read('src/script/strategy.c'):match 'known_keys%[%] = (%b{})', '"([%l_]+)"')
end

return names
