-- Many callers who take their time: normal requests are answered at their usual latency, and patience has an end.

local Server = require 'spec.support.server'
local socket = require 'socket'

local CROWD = assert(os.getenv 'MOONBID_CROWD_BIN', 'MOONBID_CROWD_BIN names the crowd')
local STRATEGY = [[return strategy { name = 'a', bid = function()
  return { price = 1, image_url = 'https://c.example/i', click_url = 'https://c.example/' } end }]]

-- Generous: the machine does other work besides.
local RATIO, GRACE_SECONDS, LOOKS = 10, 0.005, 5
local SLOWDOWN = tonumber(os.getenv 'MOONBID_SLOWDOWN' or '1') -- sanitizers: a smaller crowd
local MANY, IDLE_BYTES = 1000 / SLOWDOWN, 15 * 1024

-- As many idle connections as one worker is allowed, with room for its files and for who bids meanwhile.
local IDLE, IDLE_CLIENTS, IDLE_ROOM = 20000, 2, 300

local standing = {} -- crowds that have not left

-- A crowd that stands when this returns; `leave` ends it and tells how many connections the server had left open.
-- `number` tells crowds of one kind apart.
local function crowd(server, kind, count, number)
  local path = ('%s/crowd.%s%d'):format(server.folder, kind, number or 1)
  Server.write_file(path, '')
  local pipe = assert(io.popen(('%s %s %d %d >%s'):format(CROWD, kind, count, server.port, path), 'w'))
  local self = {}
  function self.leave()
    standing[self] = nil
    pipe:close()
    return tonumber(Server.read_file(path):match 'open (%d+)')
  end
  standing[self] = true
  Server.poll(count .. ' ' .. kind, 30, function() return Server.read_file(path):match 'ready' end)
  return self
end

local function median(values)
  table.sort(values)
  return values[math.ceil(#values / 2)]
end

describe('a crowd of callers', function()
  local server
  local request = Server.shared_data 'exoclick-samples/banner-300x250.json'

  local function start(limits)
    server = Server.start { strategies = { ['a.lua'] = STRATEGY }, config = ('limits = { %s },'):format(limits or '') }
  end
  after_each(function()
    for one in pairs(standing) do one.leave() end
    server:finish()
  end)

  -- Median seconds of a bid on a connection that exists, and on a new one.
  local function latency()
    local kept, new = {}, {}
    local connection = server:connect()
    for i = 1, 200 do
      local started = socket.gettime()
      local answer = server:post('/exoclick/bid', request, i % 2 == 0 and connection or nil)
      assert.equal(200, answer.status, answer.problem)
      local list = i % 2 == 0 and kept or new
      list[#list + 1] = socket.gettime() - started
    end
    connection:close()
    return median(kept), median(new)
  end

  -- Whether bids take as long beside the crowd as they took before. Work of others that comes and goes is no crowd's doing:
  -- one of a few looks will do, and beside a crowd that makes others wait none does.
  local function answers_as_usual(kind, kept, new)
    for _ = 1, LOOKS do
      local kept_with, new_with = latency()
      print(('%-8s bid, median: %.2f -> %.2f ms, with connect %.2f -> %.2f ms'):format(
        kind, kept * 1e3, kept_with * 1e3, new * 1e3, new_with * 1e3))
      if kept_with < RATIO * kept + GRACE_SECONDS and new_with < RATIO * new + GRACE_SECONDS then return true end
    end
    return false
  end

  local function metric(name) return tonumber(server:admin('GET', '/metrics').body:match('\n' .. name .. ' (%d+)')) end

  for _, kind in ipairs { 'headers', 'body', 'reader', 'connect', 'flood' } do
    it(('of the kind %q does not make others wait'):format(kind), function()
      start "header = '10m', body = '10m', write = '10m', backlog_ms = 60000" -- every bid counts
      local kept, new = latency()
      local others = crowd(server, kind, kind == 'flood' and 100 or MANY)
      local usual = answers_as_usual(kind, kept, new)
      assert.equal(kind == 'flood' and 100 or MANY, others.leave())
      assert.is_true(usual)
    end)
  end

  -- Sockets of the listener's port that the kernel holds answers for: not the listeners (0A), nor what only waits for the
  -- caller's own end (FIN_WAIT2, TIME_WAIT).
  local function held()
    local count = 0
    for port, state in Server.read_file '/proc/net/tcp':gmatch '\n%s*%d+: %x+:(%x+) %x+:%x+ (%x+)' do
      if tonumber(port, 16) == server.port and state ~= '0A' and state ~= '05' and state ~= '06' then count = count + 1 end
    end
    return count
  end

  it('that is too slow is sent away', function()
    start "header = '300ms', body = '300ms', write = '300ms', idle = '300ms'"
    for _, kind in ipairs { 'headers', 'body', 'reader', 'connect' } do
      local before = metric 'moonbid_http_timeouts_total' or 0
      local others = crowd(server, kind, 100)
      Server.poll(kind .. ' have timed out', 10, function()
        return (metric 'moonbid_http_timeouts_total' or 0) >= before + 100
      end)
      Server.poll(kind .. ' are gone', 10, function() return metric 'moonbid_connections' == 0 end)
      Server.poll('the kernel holds nothing for ' .. kind, 10, function() return held() == 0 end)
      -- A reset that lies beyond a full window is not seen before the caller speaks again.
      if kind ~= 'reader' then assert.equal(0, others.leave(), kind) end
    end
  end)

  it('past the limit is closed at once; who is connected is served, and there is room again afterwards', function()
    start 'connections = 50'
    local connection = server:connect()
    assert.equal(200, server:get('/ready', connection).status)
    local others = crowd(server, 'connect', 300)
    Server.poll('251 are refused', 10, function()
      return metric 'moonbid_connections_refused_total' == 251
    end)
    assert.equal(200, server:post('/exoclick/bid', request, connection).status)
    assert.equal(0, server:get('/ready').status)
    assert.equal(49, others.leave())
    Server.poll('there is room', 10, function() return server:get('/ready').status == 200 end)
    connection:close()
  end)

  it('that is idle costs less than 15 kB each, and does not make others wait', function()
    start "idle = '10m'"
    local pipe = io.popen 'ulimit -Hn'
    local files = tonumber(pipe:read '*l') or IDLE
    pipe:close()
    local each_client = math.floor((math.min(IDLE, files) - IDLE_ROOM) / IDLE_CLIENTS / SLOWDOWN)
    local worker = server:workers()[1].pid
    local function resident()
      return 1024 * Server.read_file(('/proc/%d/status'):format(worker)):match 'VmRSS:%s*(%d+)'
    end
    local kept, new = latency()
    crowd(server, 'idle', 300).leave()
    local before, crowds = resident(), {}
    for i = 1, IDLE_CLIENTS do crowds[i] = crowd(server, 'idle', each_client, i) end
    local each = (resident() - before) / (IDLE_CLIENTS * each_client)
    print(('idle     %d connections: %d bytes each'):format(IDLE_CLIENTS * each_client, each))
    assert.is_true(answers_as_usual('idle', kept, new))
    for _, one in ipairs(crowds) do assert.equal(each_client, one.leave()) end
    assert.is_true(each < IDLE_BYTES)
  end)
end)
