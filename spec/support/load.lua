-- Traffic against a spec's server, from a process of its own (tests/support/load.c), while the spec does other things.
--
--   local load = Load.start(server, body, { rate = 5000, connections = 16 })
--   ...
--   local counts = load:stop()   -- a table of what the tool prints: counts.failed, counts.s200, counts.p99_us, ...
--
-- How much is asked of the machine: MOONBID_LOAD_RATE requests a second (5000), divided by MOONBID_SLOWDOWN.

local Server = require 'spec.support.server'

local Load = {}
Load.__index = Load

local TOOL = assert(os.getenv 'MOONBID_LOAD_BIN', 'MOONBID_LOAD_BIN names the load tool')
local SLOWDOWN = tonumber(os.getenv 'MOONBID_SLOWDOWN' or '1')
local SECONDS = 300 -- far beyond any spec: the spec ends it

Load.RATE = tonumber(os.getenv 'MOONBID_LOAD_RATE' or '5000') / SLOWDOWN

local n_started = 0

-- options: rate (0: each connection sends again at once), connections, path, close (a new connection for each request)
function Load.start(server, body, options)
  options = options or {}
  n_started = n_started + 1
  local self = setmetatable({ result = ('%s/load-%d'):format(server.folder, n_started) }, Load)
  Server.write_file(self.result .. '.body', body)
  assert(os.execute(([[
( '%s' %d '%s' '%s.body' %d %d %g %s >'%s.new' 2>&1 &
  echo $! >'%s.pid'; wait $!; mv '%s.new' '%s' ) >/dev/null 2>&1 &]]):format(TOOL, server.port,
    options.path or '/exoclick/bid', self.result, SECONDS, options.connections or 16, options.rate or Load.RATE,
    options.close and 'close' or '',
    self.result, self.result, self.result, self.result)))
  self.pid = Server.poll('the load starts', 5, function() return Server.read_file(self.result .. '.pid'):match '%d+' end)
  return self
end

-- Ends the traffic once all open requests are answered.
function Load:stop()
  assert(os.execute('kill -TERM ' .. self.pid))
  local line = Server.poll('the load ends', 10, function() return Server.read_file(self.result):match '[^\n]+' end)
  local counts = { line = line }
  for key, value in line:gmatch '([%w_]+)=(%d+)' do counts[key] = tonumber(value) end
  assert(counts.sent, line)
  return counts
end

return Load
