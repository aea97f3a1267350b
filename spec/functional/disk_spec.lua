-- Disks that are full or read-only: what was acknowledged is kept, and what cannot go on says so in one line.
-- Disks of their own need the right to mount; without it those cases are pending.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

local STRATEGIES = { ['banner.lua'] = [[
  return strategy { name = 'banner',
    bid = function() return { price = 2.5, image_url = 'https://a.example/b.png', click_url = 'https://a.example/' } end }
]] }

describe('a disk', function()
  local banner = Server.shared_data 'exoclick-samples/banner-300x250.json'
  local mounted

  local function run(command)
    local status = os.execute('{ ' .. command .. '; } >/dev/null 2>&1')
    return status == true or status == 0
  end

  -- A folder on a disk of its own; nil where that is not permitted.
  local function mount(options)
    local folder = os.tmpname()
    os.remove(folder)
    run('mkdir ' .. folder)
    if not run(('mount -t tmpfs -o %s none %s'):format(options, folder)) then
      run('rmdir ' .. folder)
      return nil
    end
    mounted = folder
    return folder
  end

  after_each(function()
    if mounted then run(('umount %s && rmdir %s'):format(mounted, mounted)) end
    mounted = nil
  end)

  it('that is full takes no notice and no bid is made, until there is room', function()
    local disk = mount 'size=64m'
    if not disk then
      pending 'mounting is not permitted here'
      return
    end
    local server = Server.start { strategies = STRATEGIES, flags = '--data ' .. disk,
      config = "limits = { money_guard = '1s' }," }
    for _, text in ipairs { 'ledger not written', 'spool', 'no bids: what is spent' } do server:expect_error(text) end
    local function bid() return server:post('/exoclick/bid', banner) end
    local function notice() return dkjson.decode(bid().body).bid.bUrl:match '/n/.*' end
    local acknowledged, open = 0, {}
    for _ = 1, 60 do open[#open + 1] = notice() end
    assert.equal(200, server:get(open[1]).status)
    acknowledged = acknowledged + 1
    run(('dd if=/dev/zero of=%s/filler bs=64k; dd if=/dev/zero of=%s/rest bs=512'):format(disk, disk))
    local refused = {}
    for i = 2, #open do
      local answer = server:get(open[i])
      if answer.status == 200 then
        acknowledged = acknowledged + 1
      else
        assert.equal(503, answer.status)
        assert.is_truthy(answer.headers['retry-after'])
        refused[#refused + 1] = open[i]
        if #refused == 3 then break end
      end
    end
    assert.is_true(#refused > 0)
    Server.poll('nobody bids any more', 15, function() return bid().status == 204 or not bid().body:find 'bUrl' end)
    assert.equal(200, server:get('/ready').status)
    run(('rm %s/filler %s/rest'):format(disk, disk))
    for _, path in ipairs(refused) do
      Server.poll('a repeat is taken', 15, function() return server:get(path).status == 200 end)
      acknowledged = acknowledged + 1
    end
    Server.poll('bidding goes on', 15, function() return (bid().body or ''):find 'bUrl' end)
    Server.poll('all that was acknowledged is recorded, once', 15, function()
      local lines = Server.run('ledger dump --data ' .. disk)
      return select(2, lines:gsub('\n', '')) == acknowledged
    end)
    server:finish()
  end)

  it('that is read-only stops the start with one line that names it', function()
    local disk = mount 'ro,size=1m'
    if not disk then
      pending 'mounting is not permitted here'
      return
    end
    local output, status = Server.run(('serve --data %s --scripts scripts --listen 127.0.0.1:0 --admin 127.0.0.1:0'):format(disk))
    assert.equal(3, status)
    assert.matches(disk, output, 1, true)
    assert.equal(1, select(2, output:gsub('moonbid: ', '')))
  end)
end)
