-- A strategy whose money nobody can account for is stopped until it is resumed: for silence, and for wins that never book.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'
local socket = require 'socket'

local SILENCE_SECONDS = 2

local STRATEGIES = { ['a.lua'] = [[return strategy { name = 'a', bid = function() return { price = 2, creative_id = '12345',
  markup = '<b>x</b>', advertiser_domains = { 'a.example' } } end }]] }

local REQUEST = [[{"id":"r1","imp":[{"id":"1","banner":{"w":300,"h":250}}],
  "site":{"domain":"s.example"},"device":{"ip":"192.0.2.1"}}]]

describe('an alarm', function()
  local server

  after_each(function() server:finish() end)

  local function start(config)
    server = Server.start { strategies = STRATEGIES, config = config }
    server:expect_error 'strategy stopped until it is resumed'
  end

  -- The bid, or nil where there is none.
  local function bid(connection)
    local answer = server:post('/openrtb/bid', REQUEST, connection)
    return answer.status == 200 and dkjson.decode(answer.body).seatbid[1].bid[1] or nil
  end

  local function notice(url, connection)
    assert.equal(200, server:get(url:match '^https?://[^/]+(/n/[^?]+)', connection).status)
  end

  local function row() return dkjson.decode(server:admin('GET', '/status').body).strategies[1] end

  -- It stands in the log and in /status, a restart changes nothing, and it goes when the operator resumes the strategy.
  local function is_told_and_resumed(text)
    assert.matches('strategy stopped until it is resumed strategy=a why=' .. text, server:log(), 1, true)
    server:finish 'keep'
    server.port = nil
    server:spawn()
    assert.equal(text, row().alarm)
    assert.is_nil(bid())
    assert.equal(200, server:admin('POST', '/strategies/a/resume').status)
    Server.poll('it bids again', 10, function() return bid() end)
    assert.equal('', row().alarm or '')
  end

  it('stops a strategy after 1,000 wins in ten seconds or more of which none books', function()
    start()
    local connection = server:connect()
    local function win()
      local won = bid(connection)
      if won then notice(won.nurl, connection) end
      return won
    end
    for _ = 1, 999 do assert.is_truthy(win()) end
    Server.poll('the strategy is stopped', 30, function() return not win() end)
    assert.equal(0, row().spend_nanos)
    connection:close()
    is_told_and_resumed 'wins come in, but none of them books money'
  end)

  it('stops a strategy whose bids go out while nothing comes back for as long as `silence` says', function()
    start(("silence = '%ds',"):format(SILENCE_SECONDS))
    local began = socket.gettime()
    repeat
      notice(bid().lurl)
    until socket.gettime() - began > 1.5 * SILENCE_SECONDS
    assert.is_truthy(bid())
    local silent_since = socket.gettime()
    Server.poll('the strategy is stopped', 30, function() return not bid() end)
    assert.is_true(socket.gettime() - silent_since > SILENCE_SECONDS)
    is_told_and_resumed 'bids go out, but no notice has come in'
  end)

  it('is not raised by a pause without bids', function()
    start(("silence = '%ds',"):format(SILENCE_SECONDS))
    server.expected = {}
    assert.is_truthy(bid())
    local paused = socket.gettime()
    Server.poll('more than the silence is over', 30, function() return socket.gettime() - paused > 1.5 * SILENCE_SECONDS end)
    assert.is_truthy(bid())
    assert.is_truthy(bid())
  end)
end)
