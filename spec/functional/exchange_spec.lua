-- What an exchange sees: the documented requests get their answers, broken ones a clear error.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

local STRATEGIES = {
  ['formats.lua'] = [[
    return {
      strategy {
        name = 'banner', target = { exchange = { 'exoclick' }, format = { 'banner' } },
        bid = function() return { price = 0.34, image_url = 'https://cdn.example/b.png',
                                  click_url = 'https://go.example/?z={zone_id}' } end,
      },
      strategy {
        name = 'popunder', target = { exchange = { 'exoclick' }, format = { 'popunder' } },
        bid = function() return { price = 1.5, url = 'https://go.example/?a=1&b=2' } end,
      },
      strategy {
        name = 'push', model = 'cpc', target = { exchange = { 'exoclick' }, format = { 'push' } },
        bid = function(ctx, req, imp)
          if req.device.language == 'fr' or req.geo.country == 'FR' then return nobid 'french' end
          return { price = 0.02, ecpm = 1, title = 'T', description = 'D', click_url = 'https://go.example/',
                   icon_url = { ['192x192'] = 'https://cdn.example/192.png' } }
        end,
      },
      strategy {
        name = 'xandr_banner', target = { exchange = { 'xandr' } },
        bid = function() return { price = 1.25, creative_id = '12345' } end,
        on_click = function(ctx, event) return { userdata_js = 'seen(' .. event.auction_id .. ')' } end,
      },
    }
  ]],
}

local function exoclick(name) return Server.shared_data('exoclick-samples/' .. name) end
local function xandr(name) return Server.shared_data('xandr-samples/' .. name) end

describe('an exchange', function()
  local server

  setup(function() server = Server.start { strategies = STRATEGIES } end)
  teardown(function() server:finish() end)

  it('gets a JSON bid on a banner of ExoClick', function()
    local answer = server:post('/exoclick/bid?zone_id=778899', exoclick 'banner-300x250.json')
    assert.equal(200, answer.status)
    assert.equal('application/json', answer.headers['content-type'])
    local bid = dkjson.decode(answer.body).bid
    assert.equal('11111111-2222-4333-8444-555555555555', bid.id)
    assert.equal(0.34, bid.value)
    assert.equal('https://go.example/?z=778899', bid.clickUrl)
    assert.matches('^http://127%.0%.0%.1:' .. server.port .. '/n/[%w_-]+$', bid.bUrl)
  end)

  it('gets an XML bid where it asks for XML', function()
    local answer = server:post('/exoclick/bid', exoclick 'popunder-xml.json')
    assert.equal(200, answer.status)
    assert.equal('application/xml', answer.headers['content-type'])
    assert.matches('<value>1%.5</value>', answer.body)
    assert.matches('https://go.example/?a=1&b=2', answer.body, 1, true)
  end)

  it('gets 204 without a body where nobody bids', function()
    for _, name in ipairs { 'push-720x480.json', 'email-click.json' } do
      local answer = server:post('/exoclick/bid', exoclick(name))
      assert.equal(204, answer.status, name)
      assert.equal('', answer.body)
      assert.is_nil(answer.headers['content-length'])
    end
  end)

  it('gets the smaller icon on a push that names no size', function()
    local bid = dkjson.decode(server:post('/exoclick/bid', exoclick 'push-no-size.json').body).bid
    assert.equal('https://cdn.example/192.png', bid.iconUrl)
    assert.equal(2, bid.btype)
  end)

  it('gets what on_click returns in answer to a click, once', function()
    local offer = '{"bid_request":{"members":[{"id":4401}],"tags":[{"auction_id_64":9007199254740993,"size":"1x1"}]}}'
    local token = dkjson.decode(server:post('/xandr/bid', offer).body).bid_response.responses[1].custom_notify_data
    local click = ('{"click_request":{"auction_id_64":9007199254740993,"member_id":4401,"custom_notify_data":"%s"}}'):format(token)
    local answer = server:post('/xandr/click', click)
    assert.equal('{"click_response":{"userdata_js":"seen(9007199254740993)"}}', answer.body)
    assert.equal('application/json', answer.headers['content-type'])
    local again = server:post('/xandr/click', click)
    assert.same({ 200, '' }, { again.status, again.body })
  end)

  it('gets a bid response on each bid request that Xandr documents', function()
    for i = 1, 5 do
      local answer = server:post('/xandr/bid', xandr(('bid-request.bid_request.%d.json'):format(i)))
      assert.equal(200, answer.status, i .. ': ' .. answer.body)
      assert.matches('^{"bid_response":', answer.body)
    end
  end)

  it('has its notices and clicks recorded digit for digit', function()
    for name, digits in pairs {
      ['notify-request.notify_request.1.json'] = '7606327141949238687',
      ['notify-request.notify_request.3.json'] = '442903072350998711',
      ['click-request.click_request.1.json'] = '677373076784237441',
    } do
      local path = name:match '^click' and '/xandr/click' or '/xandr/notify'
      local answer = server:post(path, xandr(name))
      assert.equal(200, answer.status, name .. ': ' .. answer.body)
      assert.matches(digits, server:ledger(), 1, true)
    end
  end)

  it('is told where a body is broken, and keeps its connection', function()
    local connection = server:connect()
    for body, at in pairs { ['{"id":"x",}'] = 10, [''] = 0, ['{"id":'] = 6, ['nonsense'] = 0 } do
      local answer = server:post('/exoclick/bid', body, connection)
      assert.equal(400, answer.status)
      local document = dkjson.decode(answer.body)
      assert.is_string(document.error)
      assert.is_true(math.abs(document.at - at) <= 1, body .. ' at ' .. tostring(document.at))
    end
    assert.equal(200, server:get('/ready', connection).status)
    connection:close()
  end)

  it('is told what it may not ask', function()
    assert.equal(404, server:get('/nowhere').status)
    assert.equal(404, server:get('/').status)
    local answer = server:request('DELETE', '/exoclick/bid')
    assert.equal(405, answer.status)
    assert.matches('POST', answer.headers.allow)
    answer = server:get '/xandr/bid'
    assert.equal(405, answer.status)
    assert.equal('POST', answer.headers.allow)
    assert.equal(413, server:post('/exoclick/bid', ('x'):rep(300000)).status)
  end)

  it('finds the server ready', function()
    for _, path in ipairs { '/ready', '/xandr/ready' } do
      local answer = server:get(path)
      assert.same({ 200, '1' }, { answer.status, answer.body })
    end
  end)

  it('may send pipelined requests and gets its answers in order', function()
    local connection = server:connect()
    local banner = exoclick 'banner-300x250.json'
    for _ = 1, 3 do
      Server.send(connection, 'POST', '/exoclick/bid', banner)
      Server.send(connection, 'POST', '/xandr/notify', xandr 'notify-request.notify_request.1.json')
      Server.send(connection, 'GET', '/ready')
    end
    for _ = 1, 3 do
      assert.matches('^{"bid":', Server.receive(connection).body)
      assert.equal(200, Server.receive(connection).status)
      assert.equal('1', Server.receive(connection).body)
    end
    connection:close()
  end)

  it('gives OpenRTB its version back', function()
    local body = '{"id":"1","imp":[{"id":"1","banner":{"w":300,"h":250}}]}'
    for sent, echoed in pairs { ['2.5'] = '2.5', ['2.6'] = '2.6', ['<2>'] = false, [''] = false } do
      local answer = server:request('POST', '/openrtb/bid', body, nil, 'x-openrtb-version: ' .. sent .. '\r\n')
      assert.is_true(answer.status == 200 or answer.status == 204)
      assert.equal(echoed or nil, answer.headers['x-openrtb-version'])
    end
  end)
end)
