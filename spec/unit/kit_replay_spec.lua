-- kit.replay: a recording decided again inside a test.
local dkjson = require 'dkjson'
local kit = require 'moonbid.kit'

local PRICED = [[return strategy { name = 'priced', target = { format = { 'popunder' } }, bid = function(ctx, req)
  if ctx.get 'shown' > 3 then return nobid 'shown' end
  return { price = FACTOR * (1 + ctx.random()), url = 'https://go.example/' }
end }]]

local function write(path, text)
  local file = assert(io.open(path, 'wb'))
  file:write(text)
  file:close()
  return path
end

local function folder(factor)
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute('mkdir -p ' .. path .. '/strategies'))
  write(path .. '/strategies/priced.lua', (PRICED:gsub('FACTOR', factor)))
  return path
end

-- A recording as the server would have written it: the prices are those of the scripts themselves.
local function line(i, did, read)
  return dkjson.encode {
    type = 'request', at = 1772442000000 + i, seed = ('%016x'):format(i), endpoint = 'exoclick', path = '/exoclick/bid',
    query = 'zone=1', outcome = 'bid', read = read, did = { did },
    body = dkjson.encode { id = 'r' .. i, type = 'popunder', ip = '192.0.2.1', ua = 'Firefox' },
  }
end

describe('kit.replay', function()
  local scripts, file
  before_each(function() scripts, file = folder '1', os.tmpname() end)
  after_each(function()
    os.execute('rm -rf ' .. scripts)
    os.remove(file)
  end)

  it('tells who decides otherwise than recorded, and where', function()
    local rows = {
      line(1, { strategy = 'priced', own = 'shown' }, { { 'get', 'priced', 0, 'shown', 4 } }),
      line(2, { strategy = 'priced', own = 'shown' }, { { 'get', 'priced', 0, 'shown', 3 } }),
      line(3, { strategy = 'priced', no = 'budget' }, { { 'may', 'priced', 0, '', 'budget' } }),
      dkjson.encode { type = 'outcome', event = 'win', bid = 'x' },
    }
    write(file, table.concat(rows, '\n') .. '\n')
    local result = kit.replay(file, { scripts = scripts })
    assert.equal(3, result.requests)
    assert.equal(2, result.identical)
    assert.equal(1, result.changed.priced.count)
    assert.matches(':2: no bid: shown %-> bid cpm 1%.%d+$', result.changed.priced.examples[1])
  end)

  it('finds nothing where nothing differs', function()
    write(file, line(1, { strategy = 'priced', own = 'shown' }, { { 'get', 'priced', 0, 'shown', 9 } }) .. '\n')
    assert.same({}, kit.replay({ file, file }, { scripts = scripts }).changed)
  end)

  it('says what is wrong', function()
    assert.has_error(function() kit.replay() end, 'kit.replay: a recording is expected')
    assert.error_matches(function() kit.replay('/no/such.gz', { scripts = scripts }) end, 'such.gz: No such file')
    assert.error_matches(function() kit.replay(file, { script = scripts }) end, "unknown option 'script'")
    write(scripts .. '/strategies/bad.lua', 'return 1 +')
    assert.error_matches(function() kit.replay(file, { scripts = scripts }) end, 'bad.lua:1')
  end)
end)
