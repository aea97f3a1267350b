-- A long list is in memory once, whoever uses it: workers hold nothing for each of its rows; and a reload swaps it.

local Server = require 'spec.support.server'

local ROWS = 300000

local function rows(first)
  local lines = {}
  for i = 1, ROWS do lines[i] = ('%d'):format(first + 2 * i) end
  return table.concat(lines, '\n')
end

local STRATEGY = [[
local zones = list 'zones.txt'
return strategy { name = 'a', target = { zone = list 'zones.txt', exclude = { domain = list 'zones.txt' } },
  bid = function(ctx, req)
    return nobid(zones:has(req.site.zone_id) and 'listed' or 'unlisted')
  end }]]

describe('a long list', function()
  local server

  before_each(function()
    server = Server.start {
      config = [[endpoints = { { name = 'exo', path = '/exo', exchange = 'exoclick', currency = 'USD',
        tokens = { zone = 'zone_id' } } }, ]],
      flags = '--workers 2',
      strategies = { ['a.lua'] = "return strategy { name = 'a', bid = function() return nobid 'short' end }" },
    }
    os.execute('mkdir ' .. server.folder .. '/scripts/lists')
  end)
  after_each(function() server:finish() end)

  local function worker_pids()
    local pids = {}
    for pid in server:log():gmatch 'worker started worker=%d+ pid=(%d+)' do pids[#pids + 1] = pid end
    assert.equal(2, #pids)
    return pids
  end

  -- Megabytes that each worker has for itself.
  local function own_megabytes()
    local sum = {}
    for _, pid in ipairs(worker_pids()) do
      local kilobytes = Server.read_file(('/proc/%s/smaps_rollup'):format(pid)):match 'Pss_Anon:%s*(%d+)'
      sum[#sum + 1] = tonumber(kilobytes) / 1024
    end
    return sum
  end

  local request = Server.shared_data 'exoclick-samples/banner-300x250.json'

  local function counted(reason)
    return tonumber(server:admin('GET', '/status').body:match(('"%s":(%%d+)'):format(reason)) or 0)
  end

  -- Asks for a zone until the strategy has given that reason once more.
  local function asks(zone, reason)
    local before = counted(reason)
    server:post('/exo?zone=' .. zone, request)
    Server.poll('the reason ' .. reason, 10, function() return counted(reason) == before + 1 end)
  end

  it('takes no memory of a worker, and is another one after a reload', function()
    local before = own_megabytes()
    server:strategy('a.lua', STRATEGY)
    Server.write_file(server.folder .. '/scripts/lists/zones.txt', rows(1000000))
    server:reload()
    local after = own_megabytes()
    for i = 1, 2 do assert.is_true(after[i] - before[i] < 12, ('%.1f MB became %.1f'):format(before[i], after[i])) end
    asks(1000002, 'listed')
    Server.write_file(server.folder .. '/scripts/lists/zones.txt', rows(1000001))
    server:reload()
    server:post('/exo?zone=1000002', request)
    asks(1000003, 'listed')
    assert.equal(2, counted 'listed')
  end)
end)
