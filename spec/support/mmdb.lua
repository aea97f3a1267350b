--- mmdb.lua - a small geo database in MaxMind's format (MaxMind DB 2.0), for a spec.
--
--     mmdb.write(path, { { '192.0.2.0/24', { country = { iso_code = 'DE' }, location = { latitude = 52.52 } } } })
--
-- Nets are IPv4 (a database of theirs only). A record is a table of texts, numbers (doubles) and such tables; one with
-- [1] is an array. Nets do not overlap.
local ffi = require 'ffi'

local mmdb = {}

local MAP, ARRAY, TEXT, DOUBLE, UINT16, UINT32, UINT64 = 7, 11, 2, 3, 5, 6, 9

-- The control byte (and its extensions) of a value.
local function control(kind, size)
  assert(size < 29 + 256)
  local low = math.min(size, 29)
  return string.char((kind > 7 and 0 or kind * 32) + low) .. (kind > 7 and string.char(kind - 7) or '')
    .. (low == 29 and string.char(size - 29) or '')
end

local function big_endian(value, bytes)
  local out = {}
  for i = bytes, 1, -1 do
    out[i] = string.char(value % 256)
    value = math.floor(value / 256)
  end
  return table.concat(out)
end

local function uint(kind, value, bytes) return control(kind, bytes) .. big_endian(value, bytes) end
local function double(value) return control(DOUBLE, 8) .. ffi.string(ffi.new('double[1]', value), 8):reverse() end

local function encode(value)
  if type(value) == 'string' then return control(TEXT, #value) .. value end
  if type(value) == 'number' then return double(value) end
  local out = {}
  for i, item in ipairs(value) do out[i] = encode(item) end
  if #out > 0 then return control(ARRAY, #out) .. table.concat(out) end
  for key, item in pairs(value) do out[#out + 1] = encode(key) .. encode(item) end
  return control(MAP, #out) .. table.concat(out)
end

local function field(name, value) return encode(name) .. value end

local function metadata(node_count)
  return '\xab\xcd\xefMaxMind.com' .. control(MAP, 9)
    .. field('binary_format_major_version', uint(UINT16, 2, 2)) .. field('binary_format_minor_version', uint(UINT16, 0, 2))
    .. field('build_epoch', uint(UINT64, 1700000000, 8)) .. field('database_type', encode 'Spec')
    .. field('description', encode { en = 'spec' }) .. field('ip_version', uint(UINT16, 4, 2))
    .. field('languages', encode { 'en' }) .. field('node_count', uint(UINT32, node_count, 4))
    .. field('record_size', uint(UINT16, 24, 2))
end

-- Nodes are numbered as they are made; a side that is a number is a node, one that is { at } a record.
local function put_net(nodes, net, at)
  local a, b, c, d, bits = net:match '^(%d+)%.(%d+)%.(%d+)%.(%d+)/(%d+)$'
  local address, node = ((a * 256 + b) * 256 + c) * 256 + d, 1
  for i = 1, bits do
    local side = math.floor(address / 2 ^ (32 - i)) % 2 + 1
    if i == tonumber(bits) then
      nodes[node][side] = { at }
    else
      if not nodes[node][side] then
        nodes[#nodes + 1] = {}
        nodes[node][side] = #nodes
      end
      node = nodes[node][side]
    end
  end
end

--- The database as text.
function mmdb.encode(nets)
  local nodes, data, out, size = { {} }, {}, {}, 0
  for i, net in ipairs(nets) do
    put_net(nodes, net[1], size)
    data[i] = encode(net[2])
    size = size + #data[i]
  end
  for _, node in ipairs(nodes) do
    for side = 1, 2 do
      local to = node[side]
      out[#out + 1] = big_endian(type(to) == 'table' and #nodes + 16 + to[1] or to and to - 1 or #nodes, 3)
    end
  end
  return table.concat(out) .. ('\0'):rep(16) .. table.concat(data) .. metadata(#nodes)
end

--- Into a file, written over in place.
function mmdb.write(path, nets)
  local file = assert(io.open(path, 'wb'))
  file:write(mmdb.encode(nets))
  file:close()
end

return mmdb
