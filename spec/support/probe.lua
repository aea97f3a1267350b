--- probe.lua - what a strategy sees, told to a spec.
--
--     probe.values(folder, request, { 'req.id', '#req.imps' })  ->  { '"r1"', '1' }
--
-- Each expression runs inside `bid`; its value travels in the bid's title, as text that tells types apart.
local folders = require 'spec.support.folder'

local SHOW = [[
local function show(v)
  if type(v) == 'string' then return '"' .. v .. '"' end
  if type(v) ~= 'table' and type(v) ~= 'userdata' then return tostring(v) end
  local parts = {}
  for i = 1, #v do parts[i] = show(v[i]) end
  return '[' .. table.concat(parts, ' ') .. ']'
end
local seen = {}
local function remember(name) return function(ctx, event) seen[#seen + 1] = name .. ':' .. event.type end end
]]

local BID = [[
  local mail = imp.format == 'email_click'
  return { price = 3, image_url = 'https://cdn.example/i', click_url = 'https://go.example/', url = 'https://go.example/',
           creative_id = '71', member_id = imp.members and imp.members[1], model = mail and 'cpc' or nil,
           data = 'mine', title = table.concat(out, '\1') }
]]

local probe = { SHOW = SHOW }

local function split(text)
  local values = {}
  for value in (text .. '\1'):gmatch '([^\1]*)\1' do values[#values + 1] = value end
  return values
end

--- Writes the strategy; `keys` are more keys of it, `head` code before it.
function probe.write(folder, expressions, keys, head)
  local lines = {}
  for i, expression in ipairs(expressions) do
    lines[i] = ('out[%d] = show((function() return %s end)())'):format(i, expression)
  end
  folder:write('strategies/probe.lua', ("%s%s\nreturn strategy { name = 'probe', %s bid = function(ctx, req, imp)\n"
    .. 'local out = {}\n%s\n%send }'):format(SHOW, head or '', keys or '', table.concat(lines, '\n'), BID))
end

--- The values that the last write's expressions had in an answer.
function probe.read(answer)
  assert(answer.bids[1], answer.nobids[1] and (answer.nobids[1].problem or answer.nobids[1].reason) or answer.outcome)
  return split(answer.bids[1].title)
end

--- The values of expressions in the bid on a request.
function probe.values(request, expressions, options, keys)
  local folder = folders.new()
  probe.write(folder, expressions, keys)
  local bidder = folder:load(options)
  folder:remove()
  return probe.read(bidder:bid(request))
end

return probe
