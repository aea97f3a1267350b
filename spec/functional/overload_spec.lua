-- More requests than the worker can bid on in time: those that have waited too long get their answer without a bid.

local Server = require 'spec.support.server'

-- Forty milliseconds or so of CPU time a bid, against twenty that a request may wait: what else the machine does comes
-- between neither.
local STRATEGY = [[return strategy { name = 'slow', bid = function(ctx, req, imp)
  local sum = 0
  for i = 1, 6000000 do sum = sum + i % 7 end
  return { price = 1, image_url = 'https://c.example/i', click_url = 'https://c.example/' } end }]]

describe('overload', function()
  local server
  local banner = Server.shared_data 'exoclick-samples/banner-300x250.json'
  local tag = Server.shared_data 'xandr-samples/bid-request.bid_request.1.json'

  before_each(function()
    server = Server.start { strategies = { ['a.lua'] = STRATEGY },
      config = "limits = { backlog_ms = 20 }, script = { cpu_ms = 1000, hard_ms = 60000 }," }
  end)
  after_each(function() server:finish() end)

  local function post(target, body)
    return ('POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s'):format(target, #body, body)
  end
  local function get(target) return ('GET %s HTTP/1.1\r\nHost: a\r\n\r\n'):format(target) end

  -- Bids that keep the worker busy, and `others` behind them, in one packet so that one read has them: the answers of all.
  local function burst(count, others)
    local connection, answers = server:connect(), {}
    local packet = post('/exoclick/bid', banner):rep(count) .. table.concat(others)
    assert.is_true(#packet <= 8192) -- what the socket library sends at once
    connection:send(packet)
    for i = 1, count + #others do answers[i] = assert(Server.receive(connection)) end
    connection:close()
    return answers
  end

  it('is answered without a bid, in the words of each protocol, and ready says 0', function()
    local answers = burst(3, { post('/xandr/bid', tag), post('/xandr/ready', ''), get '/ready', get '/n/x', get '/c/x',
      post('/xandr/notify', '{}'), get '/k/x', get '/nowhere' })
    assert.equal(200, answers[1].status)
    assert.same({ 204, '' }, { answers[3].status, answers[3].body })
    assert.same({ 200, '{"bid_response":{"no_bid":true}}' }, { answers[4].status, answers[4].body })
    assert.same({ 200, '0' }, { answers[5].status, answers[5].body })
    assert.same({ 200, '0' }, { answers[6].status, answers[6].body })
    assert.equal(404, answers[7].status) -- a forged notice need not come again
    for i = 8, 9 do
      assert.equal(503, answers[i].status)
      assert.equal('1', answers[i].headers['retry-after'])
      assert.equal('{"error":"overloaded"}', answers[i].body)
    end
    assert.equal(404, answers[10].status) -- a visitor is looked after all the same; this one's link is forged
    assert.equal(404, answers[11].status)
    local metrics = server:admin('GET', '/metrics').body
    local shed = tonumber(metrics:match 'moonbid_requests_total{endpoint="exoclick",outcome="overload"} (%d+)')
    local bids = tonumber(metrics:match 'moonbid_requests_total{endpoint="exoclick",outcome="bid"} (%d+)')
    assert.same({ 1, 2 }, { bids, shed })
  end)

  it('is over when the queue is', function()
    assert.equal('0', burst(3, { get '/ready' })[4].body)
    assert.equal(200, server:post('/exoclick/bid', banner).status)
    Server.poll('ready says 1', 5, function() return server:get('/ready').body == '1' end)
  end)
end)
