-- docs/config.md tells of every key what a reload does with it: held against the table that the source works with.

local function read(path)
  local file = assert(io.open(path))
  local text = file:read '*a'
  file:close()
  return text
end

local WORDS = { LIVE = 'live', RESTART = 'restart', UNUSED = 'no effect' }

local function of_source()
  local keys = { endpoints = 'restart' } -- as a list: one that is new or gone
  local map = read('include/moonbid/config.h'):match 'define MB_CONFIG_KEY_MAP%(XX%)(.-)\n\n'
  for key, change in map:gmatch 'XX%("([^"]+)", (%u+)%)' do keys[key] = WORDS[change] end
  return keys
end

local function of_docs()
  local keys = {}
  for key, change in read('docs/config.md'):gmatch '\n| `([^`]+)` | (%l[%l ]-) |' do keys[key] = change end
  return keys
end

describe('docs/config.md', function()
  it('says of every key what a reload does with it, and of no other', function()
    local source = of_source()
    assert.is_true(next(source) ~= nil and source['limits.body_bytes'] == 'live')
    assert.same(source, of_docs())
  end)
end)

describe('moonbid.conf.lua', function()
  it('shows every key that has an effect', function()
    local text = read 'moonbid.conf.lua'
    for key, change in pairs(of_source()) do
      local name = key:match '[%l_]+$'
      if change ~= 'no effect' then
        assert.is_truthy(text:find('%f[%l_]' .. name .. ' = '), key)
      end
    end
  end)
end)
