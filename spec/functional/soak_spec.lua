-- Everything at once, for as long as one likes: valid, invalid and aborted requests, and nothing piles up.
--
--     MOONBID_SOAK_SECONDS=600 ctest --test-dir build/asan -R soak

local Server = require 'spec.support.server'
local socket = require 'socket'

-- The recorder's ring, which is written from end to end before it begins anew, and as much that a sanitizer keeps of freed
-- memory (quarantine_size_mb below).
local STILL_TO_TOUCH_KB = 2 * 8192

local SECONDS = tonumber(os.getenv 'MOONBID_SOAK_SECONDS') or 4

local STRATEGIES = {
  ['all.lua'] = [[return {
    strategy { name = 'banner', target = { format = { 'banner' } }, track_clicks = true, bid = function(ctx, req, imp)
      ctx.incr('seen', 1, '1h')
      return { price = 1, image_url = 'https://c.example/i', click_url = 'https://go.example/?{zone_id}', creative_id = '7',
               member_id = imp.members and imp.members[1] } end, on_notify = function(ctx) ctx.incr('told', 1, '1h') end },
    strategy { name = 'broken', bid = function(ctx, req) return req.nothing.at_all end },
    strategy { name = 'greedy', bid = function() return ('x'):rep(1e9) end },
    strategy { name = 'popunder', target = { format = { 'popunder' } },
      bid = function() return { price = 1, url = 'https://go.example/' } end },
  }]],
}

describe('a soak', function()
  local server
  before_each(function()
    -- What a sanitizer keeps of freed memory, 256 MB of it, would pass for growth.
    server = Server.start { strategies = STRATEGIES, config = "limits = { header = '2s', body = '2s', idle = '5s' },",
      shell = 'export ASAN_OPTIONS="quarantine_size_mb=8:$ASAN_OPTIONS"' }
    server:expect_error 'strategy=broken'
    server:expect_error 'strategy=greedy'
  end)
  after_each(function() server:finish() end)

  local bodies = {
    { '/exoclick/bid?zone_id=1', Server.shared_data 'exoclick-samples/banner-300x250.json' },
    { '/exoclick/bid', Server.shared_data 'exoclick-samples/popunder-xml.json' },
    { '/xandr/bid', Server.shared_data 'xandr-samples/bid-request.bid_request.1.json' },
    { '/xandr/notify', Server.shared_data 'xandr-samples/notify-request.notify_request.1.json' },
    { '/xandr/click', Server.shared_data 'xandr-samples/click-request.click_request.1.json' },
    { '/openrtb/bid', Server.shared_data 'openrtb-spec/openrtb2/testdata/bid-request/2.5/simple-banner.json' },
  }

  local function any() return unpack(bodies[math.random(#bodies)]) end

  local function raw(text, then_read)
    local connection = server:connect()
    connection:send(text)
    if then_read then
      connection:settimeout(0.05)
      connection:receive(1)
    end
    connection:close()
  end

  -- What clients do, good ones and others.
  local acts = {
    function(kept) -- a good request on a kept connection
      local path, body = any()
      local answer = server:request('POST', path, body, kept)
      assert(answer.status == 200 or answer.status == 204, path .. ' ' .. answer.status .. ' ' .. answer.body)
    end,
    function() -- cut anywhere
      local path, body = any()
      local cut = body:sub(1, math.random(0, #body - 1))
      local status = server:request('POST', path, cut).status
      assert(status == 400 or status == 200 or status == 204, status)
    end,
    function() -- one byte changed
      local path, body = any()
      local at = math.random(#body)
      local changed = body:sub(1, at - 1) .. string.char(math.random(0, 255)) .. body:sub(at + 1)
      local status = server:request('POST', path, changed).status
      assert(status == 400 or status == 200 or status == 204, status)
    end,
    function() -- the client goes away in the middle of a body
      local path, body = any()
      raw(('POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s')
        :format(path, #body, body:sub(1, math.random(0, #body - 1))))
    end,
    function() raw('POST /exoclick/bid HTTP/1.1\r\nHost: x\r\nX-' .. ('y'):rep(math.random(1, 20000)), true) end,
    function() raw(('\0\255 garbage'):rep(math.random(1, 50)), true) end,
    function()
      raw('POST /openrtb/bid HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n' .. math.random(0, 9), true)
    end,
    function() -- pipelined, and half of the answers never read
      local _, body = unpack(bodies[1])
      raw(('POST /exoclick/bid HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s'):format(#body, body):rep(5), true)
    end,
    function() assert.equal(404, server:get('/n/' .. ('A'):rep(math.random(1, 500))).status) end,
    function() assert.equal(404, server:get('/k/AAAA?u=https%3A%2F%2Fevil.example&s=AAAA').status) end,
    function() -- a win that counts once
      local path = server:post('/exoclick/bid?zone_id=1', bodies[1][2]).body:match '"bUrl":"http://[^/]+(/[^"]+)'
      for _ = 1, 2 do assert.equal(200, server:get(path).status) end
    end,
    function() assert.equal(200, server:admin('GET', math.random(2) == 1 and '/status' or '/metrics').status) end,
    function() server:admin('POST', '/reload') end,
  }

  -- The pid of the worker that serves now.
  local function worker()
    local pid
    for found in server:log():gmatch 'worker started worker=1 pid=(%d+)' do pid = found end
    return pid
  end

  -- Its own memory, and what it has touched so far of the tables that all workers share, whose size never changes.
  local function memory_kb(pid)
    local status = Server.read_file('/proc/' .. pid .. '/status')
    return { own = tonumber(status:match 'RssAnon:%s+(%d+)'), shared = tonumber(status:match 'RssShmem:%s+(%d+)') }
  end

  local function descriptors(pid)
    local pipe = io.popen('ls /proc/' .. pid .. '/fd | wc -l')
    local count = tonumber(pipe:read '*l')
    pipe:close()
    return count
  end

  it('of ' .. SECONDS .. ' seconds leaves no report, no memory and no descriptor behind', function()
    math.randomseed(7)
    local pid = worker()
    local kept = server:connect()
    local done, start, early = 0, socket.gettime(), nil
    while socket.gettime() - start < SECONDS do
      if done % 1000 == 999 then
        kept:close()
        kept = server:connect()
      end
      acts[done % 2 == 0 and 1 or math.random(#acts)](kept)
      done = done + 1
      if not early and socket.gettime() - start > SECONDS / 4 then early = memory_kb(pid) end
    end
    kept:close()
    assert.equal(pid, worker(), 'the worker was replaced')
    local late = memory_kb(pid)
    print(('%d acts, memory after a quarter %d kB and %d kB shared, at the end %d kB and %d kB shared')
      :format(done, early.own, early.shared, late.own, late.shared))
    assert.is_true(late.own < early.own * 1.1 + STILL_TO_TOUCH_KB, ('memory grew from %d to %d kB'):format(early.own, late.own))
    Server.poll('all descriptors are closed', 10, function() return descriptors(pid) < 64 end)
  end)
end)
