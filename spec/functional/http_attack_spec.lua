-- Odd and hostile shapes of HTTP against the real binary: each gets its verdict, the connection lives only where the
-- request's end is certain, and nobody else notices.

local Server = require 'spec.support.server'
local socket = require 'socket'

local STRATEGY = [[return strategy { name = 'a', bid = function()
  return { price = 1, image_url = 'https://c.example/i', click_url = 'https://c.example/' } end }]]

local HEAD = 'POST /exoclick/bid HTTP/1.1\r\nHost: a\r\n'
local CHUNKED = HEAD .. 'Transfer-Encoding: chunked\r\n\r\n'
local GET = 'GET /ready HTTP/1.1\r\n'
local DIES, LIVES = false, true

local function length(text, body) return HEAD .. 'Content-Length: ' .. text .. '\r\n\r\n' .. (body or '') end
local function coding(text) return HEAD .. 'Transfer-Encoding: ' .. text .. '\r\n\r\n0\r\n\r\n' end
local function host(text) return GET .. 'Host: ' .. text .. '\r\n\r\n' end
local function packed(name, body)
  return HEAD .. ('Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s'):format(name, #body, body)
end
local function hex(text) return (text:gsub('%x%x', function(byte) return string.char(tonumber(byte, 16)) end)) end

local GZIP = hex '1f8b0800000000000203abae050043bfa6a302000000' -- {}
-- The beginning of a stream of zeros: each byte more is a thousand more of them.
local BOMB = hex 'ecc101010000008090feafee080a' .. ('\0'):rep(60000)

local SHAPES = {
  -- lengths in doubt: a proxy before us may have seen another end of the request
  { 'length and chunks', HEAD .. 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400, DIES },
  { 'chunks and length', HEAD .. 'Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n', 400, DIES },
  { 'two equal lengths', HEAD .. 'Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}', 400, DIES },
  { 'two lengths', HEAD .. 'Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}', 400, DIES },
  { 'a list of lengths', length('2, 2', '{}'), 400, DIES },
  { 'a negative length', length '-1', 400, DIES },
  { 'a signed length', length('+2', '{}'), 400, DIES },
  { 'a length in hex', length('0x2', '{}'), 400, DIES },
  { 'an empty length', length '', 400, DIES },
  { 'a length with a blank in it', length('1 1', '{}'), 400, DIES },
  { 'a length beyond 64 bits', length '18446744073709551618', 400, DIES },
  { 'a length beyond the limit', length '262145', 413, DIES },
  { 'a coding that is not chunked', coding 'gzip', 501, DIES },
  { 'gzip before chunked', coding 'gzip, chunked', 501, DIES },
  { 'chunked, then gzip', coding 'chunked, gzip', 400, DIES },
  { 'chunked twice', coding 'chunked, chunked', 400, DIES },
  { 'identity', coding 'identity', 501, DIES },
  { 'a name like chunked', coding 'xchunked', 501, DIES },
  { 'a parameter of chunked', coding 'chunked;a=b', 501, DIES },
  { 'a vertical tab before chunked', coding '\11chunked', 400, DIES },
  { 'an empty coding', coding '', 400, DIES },
  { 'two headers of codings', HEAD .. 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400, DIES },
  { 'chunks in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400, DIES },
  -- chunks
  { 'a chunk size that is none', CHUNKED .. 'x\r\n', 400, DIES },
  { "a chunk size in C's way", CHUNKED .. '0x2\r\n{}\r\n0\r\n\r\n', 400, DIES },
  { 'a signed chunk size', CHUNKED .. '+2\r\n{}\r\n0\r\n\r\n', 400, DIES },
  { 'a chunk size beyond 64 bits', CHUNKED .. '10000000000000002\r\n{}\r\n0\r\n\r\n', 400, DIES },
  { 'a chunk beyond the limit', CHUNKED .. '40001\r\n', 413, DIES },
  { 'a chunk longer than its size', CHUNKED .. '1\r\n{}\r\n0\r\n\r\n', 400, DIES },
  { 'a bare LF behind a chunk size', CHUNKED .. '2\n{}\r\n0\r\n\r\n', 400, DIES },
  { 'a bare LF behind a chunk', CHUNKED .. '2\r\n{}\n0\r\n\r\n', 400, DIES },
  { 'a blank behind a chunk size', CHUNKED .. '2 \r\n{}\r\n0\r\n\r\n', 400, DIES },
  { 'a bare CR in an extension', CHUNKED .. '2;a\rb\r\n{}\r\n0\r\n\r\n', 400, DIES },
  { 'an extension without end', CHUNKED .. '2;' .. ('e'):rep(100000), 413, DIES },
  { 'trailers without end', CHUNKED .. '0\r\n' .. ('T: t\r\n'):rep(20000), 413, DIES },
  { 'a folded trailer', CHUNKED .. '0\r\nA: b\r\n c\r\n\r\n', 400, DIES },
  { 'a bare LF in a trailer', CHUNKED .. '0\r\nA: b\nC: d\r\n\r\n', 400, DIES },
  -- lines
  { 'bare LFs', 'GET /ready HTTP/1.1\nHost: a\n\n', 400, DIES },
  { 'a bare LF behind a header', GET .. 'Host: a\nB: c\r\n\r\n', 400, DIES },
  { 'a bare CR in a value', GET .. 'Host: a\rB: c\r\n\r\n', 400, DIES },
  { 'a bare CR behind an empty value', GET .. 'Host: a\r\nX:\rT: c\r\n\r\n', 400, DIES },
  { 'a blank before the colon', GET .. 'Host : a\r\n\r\n', 400, DIES },
  { 'a tab before the colon', GET .. 'Host: a\r\nX\t: a\r\n\r\n', 400, DIES },
  { 'a folded line', GET .. 'Host: a\r\nX: y\r\n z\r\n\r\n', 400, DIES },
  { 'a folded first line', GET .. ' Host: a\r\n\r\n', 400, DIES },
  { 'a header without a name', GET .. 'Host: a\r\n: a\r\n\r\n', 400, DIES },
  { 'a header without a colon', GET .. 'Host\r\n\r\n', 400, DIES },
  { 'a NUL in a value', GET .. 'Host: a\r\nX: y\0z\r\n\r\n', 400, DIES },
  { 'a NUL in a name', GET .. 'Host: a\r\nX\0: y\r\n\r\n', 400, DIES },
  { 'a NUL in the target', 'GET /re\0dy HTTP/1.1\r\nHost: a\r\n\r\n', 400, DIES },
  { 'a control character', GET .. 'Host: a\r\nX: \1\r\n\r\n', 400, DIES },
  { 'huge headers', GET .. 'Host: a\r\nX: ' .. ('x'):rep(20000) .. '\r\n\r\n', 431, DIES },
  { 'many headers', GET .. 'Host: a\r\n' .. ('X: y\r\n'):rep(200) .. '\r\n', 431, DIES },
  { 'a huge target', 'GET /' .. ('x'):rep(20000) .. ' HTTP/1.1\r\nHost: a\r\n\r\n', 414, DIES },
  -- targets and hosts
  { 'no Host', GET .. '\r\n', 400, LIVES },
  { 'an empty Host', host '', 400, LIVES },
  { 'two Hosts', GET .. 'Host: a\r\nHost: a\r\n\r\n', 400, LIVES },
  { 'Hosts joined by a comma', host 'a, b', 400, LIVES },
  { 'a user in Host', host 'u:p@a', 400, LIVES },
  { 'a path in Host', host 'a/b', 400, LIVES },
  { 'absolute form', 'GET http://b/ready HTTP/1.1\r\nHost: a\r\n\r\n', 200, LIVES },
  { 'absolute form with a user', 'GET http://u@b/ready HTTP/1.1\r\nHost: a\r\n\r\n', 400, LIVES },
  { 'absolute form without a host', 'GET http:///ready HTTP/1.1\r\nHost: a\r\n\r\n', 400, LIVES },
  { 'an asterisk', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', 400, LIVES },
  { 'OPTIONS of everything', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', 404, LIVES },
  { 'a path without a slash', 'GET ready HTTP/1.1\r\nHost: a\r\n\r\n', 400, DIES },
  { 'a blank in the target', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', 400, DIES },
  { 'two blanks before the target', 'GET  /ready HTTP/1.1\r\nHost: a\r\n\r\n', 400, DIES },
  { 'a byte above 127 in the target', 'GET /\233 HTTP/1.1\r\nHost: a\r\n\r\n', 400, DIES },
  -- other protocols
  { 'CONNECT', 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n', 501, DIES },
  { 'HTTP/0.9', 'GET /ready\r\n\r\n', 505, DIES },
  { 'HTTP/1.0', 'GET /ready HTTP/1.0\r\n\r\n', 200, DIES },
  { 'HTTP/1.0 that stays', 'GET /ready HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', 200, LIVES },
  { 'the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505, DIES },
  { 'an upgrade to h2c', GET .. 'Host: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n', 200, LIVES },
  { 'TLS', '\22\3\1\2\0\1\0\1\252\3\3' .. ('\0'):rep(40), 400, DIES },
  { 'an unknown method', 'BREW / HTTP/1.1\r\nHost: a\r\n\r\n', 400, DIES },
  { 'an expectation', HEAD .. 'Expect: tea\r\nContent-Length: 2\r\n\r\n{}', 417, DIES },
  { 'blank lines before a request', '\r\n\r\n' .. host 'a', 200, LIVES },
  -- compressed bodies; what is inflated is `{}`, which is no bid request
  { 'gzip that holds {}', packed('gzip', GZIP), 400, LIVES, 'id' },
  { 'gzip cut short', packed('gzip', GZIP:sub(1, -2)), 400, LIVES, 'ends early' },
  { 'gzip and more', packed('gzip', GZIP .. 'x'), 400, LIVES, 'behind the end' },
  { 'gzip that is none', packed('gzip', '{}{}{}'), 400, LIVES, 'incorrect header check' },
  { 'a body that swells a thousandfold', packed('deflate', BOMB), 413, LIVES, 'inflated body too large' },
  { 'an unknown compression', packed('br', GZIP), 415, LIVES },
  { 'two compressions', packed('gzip, gzip', GZIP), 415, LIVES },
}

-- Everything that the server says until it ends the connection.
local function hear(connection)
  local deadline, parts = socket.gettime() + 100, {}
  repeat
    local all, problem, part = connection:receive(65536)
    parts[#parts + 1] = all or part
    if problem == 'closed' then return table.concat(parts) end
  until socket.gettime() > deadline
  error('no end of the connection behind: ' .. table.concat(parts))
end

describe('HTTP under attack', function()
  local server

  setup(function() server = Server.start { strategies = { ['a.lua'] = STRATEGY } } end)
  teardown(function() server:finish() end)

  for _, shape in ipairs(SHAPES) do
    local name, bytes, status, lives, says = unpack(shape)
    it(('answers %s with %d and %s'):format(name, status, lives and 'goes on' or 'ends the connection'), function()
      local connection = server:connect()
      connection:send(bytes .. 'GET /ready HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n')
      local heard = hear(connection)
      connection:close()
      local statuses = {}
      for one in heard:gmatch 'HTTP/1%.1 (%d%d%d) ' do statuses[#statuses + 1] = tonumber(one) end
      assert.same(lives and { status, 200 } or { status }, statuses, heard)
      if says then assert.matches(says, heard, 1, true) end
      if status >= 400 and status ~= 404 then assert.matches('{"error":".-","at":%d+}', heard) end
    end)
  end

  it('answers thousands of pipelined requests in order, as fast as they are read', function()
    local connection, asked = server:connect(), 0
    connection:settimeout(0)
    local burst = (host 'a'):rep(2000) .. 'GET /ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
    local heard, deadline = {}, socket.gettime() + 100
    repeat
      local sent, problem, last = connection:send(burst, asked + 1)
      asked = sent or last
      assert.is_true(sent ~= nil or problem == 'timeout', problem)
      local all, ending, part = connection:receive(65536)
      heard[#heard + 1] = all or part
      assert.is_true(socket.gettime() < deadline)
      socket.select({ connection }, asked < #burst and { connection } or nil, 0.1)
    until ending == 'closed'
    connection:close()
    local _, answers = table.concat(heard):gsub('HTTP/1%.1 200 OK', '')
    assert.equal(2001, answers)
  end)

  it('is ready for everybody else afterwards', function()
    assert.equal('1', server:get('/ready').body)
    assert.equal(200, server:post('/exoclick/bid', Server.shared_data 'exoclick-samples/banner-300x250.json').status)
  end)
end)
