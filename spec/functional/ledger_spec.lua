-- The ledger's file and the command for it, as an operator meets them.

local dkjson = require 'dkjson'

local Server = require 'spec.support.server'

local STRATEGIES = { ['banner.lua'] = [[
  return strategy { name = 'banner', target = { format = { 'banner' } },
    bid = function() return { price = 2.5, image_url = 'https://a.example/b.png', click_url = 'https://a.example/' } end }
]] }

local function file(server, name) return server.folder .. '/data/' .. name end

local function ledger(server, what)
  return Server.run('ledger ' .. what .. ' --data ' .. server.folder .. '/data')
end

describe('the ledger', function()
  local server
  local banner = Server.shared_data 'exoclick-samples/banner-300x250.json'

  before_each(function()
    server = Server.start { strategies = STRATEGIES }
    for _ = 1, 20 do
      local path = dkjson.decode(server:post('/exoclick/bid', banner).body).bid.bUrl:match '/n/.*'
      assert.equal(200, server:get(path).status)
    end
  end)

  it('is printed beside the running server, an event a line', function()
    local output, status = ledger(server, 'dump')
    assert.equal(0, status)
    local keys = {}
    for line in output:gmatch '[^\n]+' do
      local event = assert(dkjson.decode(line))
      assert.equal('banner', event.strategy)
      assert.equal(2500000, event.cost_nanos)
      assert.equal(('%012x'):format(event.bid_time_ms), event.key:match '^(%x+):')
      keys[#keys + 1] = event.key
    end
    assert.equal(20, #keys)
    for i = 2, #keys do assert.is_true(keys[i - 1] < keys[i]) end
    server:finish()
  end)

  it('that is damaged stops the start, and what it still has is saved', function()
    server:finish 'keep'
    local whole = Server.read_file(file(server, 'ledger.db'))
    Server.write_file(file(server, 'ledger.db'), whole:sub(1, #whole - 5000))
    local output, status = Server.run(('serve --config %s/moonbid.conf.lua'):format(server.folder))
    assert.equal(3, status)
    assert.matches(file(server, 'ledger.db'), output, 1, true)
    assert.matches('moonbid ledger salvage', output, 1, true)
    output, status = ledger(server, 'salvage')
    assert.equal(0, status, output)
    local saved = tonumber(output:match '^(%d+) records saved in ')
    assert.is_true(saved > 0 and saved <= 20, output)
    output, status = ledger(server, 'salvage')
    assert.equal(3, status)
    assert.matches('ledger.salvaged.db', output, 1, true)
    assert(os.rename(file(server, 'ledger.salvaged.db'), file(server, 'ledger.db')))
    local _, lines = ledger(server, 'dump'):gsub('\n', '')
    assert.equal(saved, lines)
    assert(os.execute('rm -rf ' .. server.folder))
  end)

  it('is asked in vain where there is none, and for what it does not do', function()
    server:finish()
    for arguments, expected in pairs { dump = 3, salvage = 3, mend = 2, [''] = 2 } do
      local output, status = Server.run('ledger ' .. arguments .. ' --data /nonexistent')
      assert.equal(expected, status, output)
      assert.matches('^moonbid: ', output)
    end
  end)
end)
