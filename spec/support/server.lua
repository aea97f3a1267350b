-- A moonbid of its own for a spec: a fresh folder, free ports, a deadline on everything.
--
--   local server = Server.start { strategies = { ['a.lua'] = [[return strategy {...}]] } }
--   local answer = server:post('/exoclick/bid', body)
--   server:finish()   -- SIGTERM, exit status 0 within the time, no error line that was not expected

local dkjson = require 'dkjson'
local socket = require 'socket'

local Server = {}
Server.__index = Server

local BINARY = assert(os.getenv 'MOONBID_BIN', 'MOONBID_BIN names the binary under test')
local START_SECONDS = 10
local EXIT_SECONDS = 3
local SLOWDOWN = tonumber(os.getenv 'MOONBID_SLOWDOWN' or '1') -- sanitizers and valgrind take longer
-- Others may have the machine: what comes at last has come, and only what never comes takes so long.
local PATIENCE = SLOWDOWN > 1 and 2 or 10

-- Whole or not at all, as a careful editor does: a reload may read at any moment.
local function write_file(path, text)
  local file = assert(io.open(path .. '.new', 'wb'))
  file:write(text)
  file:close()
  assert(os.rename(path .. '.new', path))
end

local function read_file(path)
  local file = io.open(path, 'rb')
  if not file then return '' end
  local text = file:read '*a'
  file:close()
  return text
end

local function quote(text) return "'" .. tostring(text):gsub("'", "'\\''") .. "'" end

local function shell(command)
  local pipe = assert(io.popen(command .. '; echo "status=$?"', 'r'))
  local output = pipe:read '*a'
  pipe:close()
  local status = tonumber(output:match 'status=(%d+)%s*$')
  return (output:gsub('status=%d+%s*$', '')), status
end

-- Waits until `check` gives a true value, which it returns; fails with `what` at the deadline. `seconds` is what an idle
-- machine would take at most; a spec whose point is how soon something comes says so by other means.
local function poll(what, seconds, check)
  local deadline = socket.gettime() + seconds * SLOWDOWN * PATIENCE
  repeat
    local value = check()
    if value then return value end
    socket.select(nil, nil, 0.005)
  until socket.gettime() > deadline
  error('not within ' .. seconds .. ' s: ' .. what, 2)
end

function Server.poll(...) return poll(...) end
function Server.write_file(...) return write_file(...) end
function Server.read_file(...) return read_file(...) end

function Server.shared_data(path)
  local root = assert(os.getenv 'MOONBID_SHARED_DATA', 'MOONBID_SHARED_DATA names the test material')
  local text = read_file(root .. '/' .. path)
  assert(#text > 0, path .. ' is missing in ' .. root)
  return text
end

-- Runs the binary to its end, in a folder if one is named: output (both streams) and exit status.
function Server.run(arguments, folder)
  return shell(('cd %s && %s %s 2>&1'):format(quote(folder or '.'), quote(BINARY), arguments))
end

-- Other tests keep the machine busy, which is no reason to bid less: unless a spec says otherwise, requests may wait and
-- answers take their time.
local function config_text(options)
  return ([[
local config = {
  listen = { '127.0.0.1:0' }, admin = '127.0.0.1:0', workers = 1,
  data = '%s/data', scripts = '%s/scripts', notice_keys = { '00112233445566778899aabbccddeeff' },
  %s
}
config.limits = config.limits or {}
config.limits.backlog_ms = config.limits.backlog_ms or 60000
config.endpoints = config.endpoints or {
  { name = 'exoclick', path = '/exoclick/bid', exchange = 'exoclick', currency = 'USD' },
  { name = 'xandr', path = '/xandr', exchange = 'xandr' },
  { name = 'openrtb', path = '/openrtb/bid', exchange = 'openrtb' },
}
for i = 1, #config.endpoints do
  config.endpoints[i].timeout_ms = config.endpoints[i].timeout_ms or 10000
end
return config
]]):format(options.folder, options.folder, options.config or '')
end

-- options: strategies (file name -> text), config (more lines of the table), flags (of `serve`), files (name below the
-- server's folder -> text), shell (a line before it runs, such as a limit)
function Server.start(options)
  local self = setmetatable({ expected = {}, flags = options.flags or '', shell = options.shell or '' }, Server)
  self.folder = shell('mktemp -d'):match '%S+'
  options.folder = self.folder
  os.execute('mkdir -p ' .. quote(self.folder .. '/scripts/strategies'))
  for name, text in pairs(options.strategies or {}) do self:strategy(name, text) end
  for name, text in pairs(options.files or {}) do write_file(self.folder .. '/' .. name, text) end
  write_file(self.folder .. '/moonbid.conf.lua', config_text(options))
  self:spawn()
  return self
end

-- Starts the process under a shell that notes how it ended, in the file `exit`.
function Server:spawn()
  self.log_path = self.folder .. '/log'
  os.remove(self.folder .. '/exit')
  write_file(self.log_path, '')
  write_file(self.folder .. '/run.sh', ([[
cd %s || exit
%s
%s serve --config moonbid.conf.lua %s 2>log &
echo $! >pid
wait $!
echo $? >exit.new
mv exit.new exit
]]):format(quote(self.folder), self.shell, quote(BINARY), self.flags))
  assert(os.execute(('sh %s >/dev/null 2>&1 &'):format(quote(self.folder .. '/run.sh'))))
  local began = socket.gettime()
  poll('the server listens', START_SECONDS, function()
    if self:exit_status() then error('the server has ended:\n' .. self:log(), 0) end
    return self:log():match ' serving '
  end)
  self.start_seconds = socket.gettime() - began
  self.pid = read_file(self.folder .. '/pid'):match '%d+'
  self.port = tonumber(self:log():match 'listening addr=127%.0%.0%.1:(%d+)')
  self.admin_port = tonumber(self:log():match 'listening admin=127%.0%.0%.1:(%d+)')
end

function Server:log() return read_file(self.log_path) end
function Server:exit_status() return tonumber(read_file(self.folder .. '/exit'):match '%d+') end
function Server:bookkeeper() return tonumber(self:log():match '.*bookkeeper started pid=(%d+)') end

-- CPU seconds of the supervisor's children that have ended: what a check took. On a busy machine the wall tells nothing.
function Server:spent_by_the_dead()
  local user, system = read_file('/proc/' .. self.pid .. '/stat'):match('%) %u' .. (' %S+'):rep(12) .. ' (%d+) (%d+)')
  return (user + system) / 100
end

-- Whether `seconds` are below one, or below what all of the server took to start: where the machine makes a start slow, it
-- makes that of a worker slow.
function Server:within_a_second(seconds) return seconds < math.max(SLOWDOWN, self.start_seconds) end

-- One event as JSON a line.
function Server:ledger()
  local lines, status = Server.run('ledger dump --data ' .. quote(self.folder .. '/data'))
  assert(status == 0, lines)
  return lines
end

-- Writes the config anew, with these lines of the table.
function Server:config(more)
  write_file(self.folder .. '/moonbid.conf.lua', config_text { folder = self.folder, config = more })
end

function Server:strategy(name, text) write_file(self.folder .. '/scripts/strategies/' .. name, text) end
function Server:signal(name) assert(os.execute(('kill -%s %s'):format(name, self.pid))) end

function Server:wait_exit(seconds)
  local ended, status = pcall(poll, 'the server ends', seconds or EXIT_SECONDS, function() return self:exit_status() end)
  if not ended then error(status .. ':\n' .. self:log(), 2) end
  return status
end

-- An error line that holds `text` (plain) is no failure of this spec.
function Server:expect_error(text) self.expected[#self.expected + 1] = text end

function Server:unexpected_errors()
  local lines = {}
  for line in self:log():gmatch '[^\n]+' do
    local bad = line:match '^%S+ error ' or line:match 'Sanitizer'
    for _, text in ipairs(self.expected) do
      if line:find(text, 1, true) then bad = nil end
    end
    if bad then lines[#lines + 1] = line end
  end
  return lines
end

-- SIGTERM, a clean end, and the folder goes unless `keep`.
function Server:finish(keep)
  if not self:exit_status() then
    self:signal 'TERM'
    local status = self:wait_exit()
    if status ~= 0 then error('exit status ' .. status .. ':\n' .. self:log(), 2) end
  end
  local lines = self:unexpected_errors()
  if not keep then os.execute('rm -rf ' .. quote(self.folder)) end
  if #lines > 0 then error('errors in the log:\n' .. table.concat(lines, '\n'), 2) end
end

-- --- HTTP, by hand: the specs see every byte ---

local function read_answer(connection)
  local line, problem = connection:receive '*l'
  if not line then return nil, problem end
  local answer = { status = tonumber(line:match '^HTTP/1%.1 (%d+)'), headers = {} }
  for header in function() return connection:receive '*l' end do
    if header == '' then break end
    local name, value = header:match '^(.-):%s*(.*)$'
    answer.headers[name:lower()] = value
  end
  local length = tonumber(answer.headers['content-length'] or 0)
  answer.body = length > 0 and connection:receive(length) or ''
  return answer
end

function Server:connect(port)
  local connection = assert(socket.connect('127.0.0.1', port or self.port))
  connection:settimeout(5 * SLOWDOWN * PATIENCE)
  connection:setoption('tcp-nodelay', true)
  return connection
end

function Server.send(connection, method, target, body, headers)
  local length = (body or method == 'POST') and ('Content-Length: %d\r\n'):format(#(body or '')) or ''
  return connection:send(('%s %s HTTP/1.1\r\nHost: bidder\r\n%s%s\r\n%s'):format(
    method, target, length, headers or '', body or ''))
end

Server.receive = read_answer

-- One request on a connection of its own, or on `connection`.
function Server:request(method, target, body, connection, headers)
  local own = not connection
  connection = connection or self:connect()
  local sent, problem = Server.send(connection, method, target, body, headers)
  local answer
  if sent then answer, problem = read_answer(connection) end
  if own then connection:close() end
  return answer or { status = 0, headers = {}, body = '', problem = problem }
end

function Server:get(target, connection) return self:request('GET', target, nil, connection) end
function Server:post(target, body, connection) return self:request('POST', target, body, connection) end

function Server:admin(method, target)
  local connection = self:connect(self.admin_port)
  local answer = self:request(method, target, nil, connection)
  connection:close()
  return answer
end

-- What /status says of the workers: a list of { pid, state, restarts }.
function Server:workers() return dkjson.decode(self:admin('GET', '/status').body).workers end

-- SIGHUP, until the log tells the outcome of one more reload.
function Server:reload()
  local function outcomes()
    local _, taken = self:log():gsub(' process reload ', '')
    local _, refused = self:log():gsub(' process reload refused', '')
    return taken + refused
  end
  local before = outcomes()
  self:signal 'HUP'
  poll('the reload ends', 60, function() return outcomes() > before end)
end

return Server
