-- Who may call: allow lists, proxies that are believed, the operator's token.

local Server = require 'spec.support.server'

local STRATEGY = [[return strategy { name = 'a', bid = function()
  return { price = 1, image_url = 'https://c.example/i', click_url = 'https://c.example/' } end }]]

local function forwarded(...)
  return ('X-Forwarded-For: %s\r\n'):format(table.concat({ ... }, ', '))
end

describe('an endpoint with an allow list', function()
  local server
  local request = Server.shared_data 'exoclick-samples/banner-300x250.json'

  setup(function()
    server = Server.start { strategies = { ['a.lua'] = STRATEGY }, config = [[
      trusted_proxies = { '127.0.0.0/8', '10.0.0.0/8' },
      endpoints = {
        { name = 'open', path = '/open', exchange = 'exoclick', currency = 'USD' },
        { name = 'closed', path = '/closed', exchange = 'exoclick', currency = 'USD',
          allow = { '203.0.113.0/24', '2001:db8::/32' } },
        { name = 'xandr', path = '/xandr', exchange = 'xandr', allow = { '203.0.113.7' } },
      },
    ]] }
  end)
  teardown(function() server:finish() end)

  local function status(path, headers) return server:request('POST', path, request, nil, headers).status end

  it('serves those on it', function()
    assert.equal(200, status('/closed', forwarded '203.0.113.9'))
    assert.equal(200, status('/closed', forwarded('2001:db8::7', '10.1.2.3')))
  end)

  it('answers others 403 and says why', function()
    assert.equal(403, status('/closed', forwarded '203.0.114.9'))
    assert.equal(403, status('/closed', forwarded('203.0.113.9', '198.51.100.1')))
    assert.equal(403, status('/closed', forwarded '::203.0.113.9'))
    local answer = server:post('/closed', request)
    assert.equal(403, answer.status)
    assert.equal('{"error":"this address may not call here"}', answer.body)
  end)

  it('closes the calls of its protocol too', function()
    for _, path in ipairs { '/xandr/bid', '/xandr/notify', '/xandr/click' } do
      assert.equal(403, status(path, forwarded '203.0.113.8'), path)
      assert.not_equal(403, status(path, forwarded '203.0.113.7'), path)
    end
  end)

  it('does not stop its owner from trying it offline', function()
    local file = server.folder .. '/request.json'
    Server.write_file(file, request)
    local output, code = Server.run(('try --endpoint closed --config %s/moonbid.conf.lua %s'):format(server.folder, file))
    assert.equal(0, code, output)
    assert.not_matches('may not call', output, 1, true)
  end)

  it('leaves other endpoints open', function()
    assert.equal(200, status '/open')
    assert.equal(200, status('/open', forwarded '198.51.100.1'))
  end)
end)

describe('without trusted proxies', function()
  it('nobody changes his address by a header', function()
    local server = Server.start { strategies = { ['a.lua'] = STRATEGY }, config = [[
      trusted_proxies = {},
      endpoints = { { name = 'closed', path = '/closed', exchange = 'exoclick', currency = 'USD',
                      allow = { '203.0.113.0/24' } } },
    ]] }
    finally(function() server:finish() end)
    assert.equal(403, server:request('POST', '/closed', '{}', nil, forwarded '203.0.113.9').status)
  end)
end)

describe('networks in the config', function()
  it('are refused with their place where they are none', function()
    for key, text in pairs {
      ['trusted_proxies'] = "trusted_proxies = { '10.0.0.0/33' }",
      ['trusted_proxies '] = "trusted_proxies = '10.0.0.0/8'",
      ['endpoints[1].allow'] = "endpoints = { { name = 'a', path = '/a', exchange = 'xandr', allow = { '::1', '10.0.0.1/8' } } }",
      ['endpoints[1].allow '] = "endpoints = { { name = 'a', path = '/a', exchange = 'xandr', allow = {} } }",
    } do
      local folder = io.popen('mktemp -d'):read '*l'
      Server.write_file(folder .. '/c.lua', ("return { data = '%s/d', scripts = '%s', %s }"):format(folder, folder, text))
      local output, code = Server.run('check --config ' .. folder .. '/c.lua')
      os.execute('rm -r ' .. folder)
      assert.not_equal(0, code)
      assert.matches(key:gsub(' ', ''), output, 1, true)
    end
  end)
end)

describe('an admin token', function()
  local server

  setup(function()
    server = Server.start { strategies = { ['a.lua'] = STRATEGY }, config = "admin_token = 'open sesame'," }
  end)
  teardown(function() server:finish() end)

  it("is not asked for by the console's page, which tells nothing", function()
    local connection = server:connect(server.admin_port)
    local answer = server:request('GET', '/', nil, connection)
    connection:close()
    assert.equal(200, answer.status)
    assert.not_matches('open sesame', answer.body, 1, true)
    assert.not_matches('127.0.0.1', answer.body, 1, true)
    assert.not_matches(server.folder, answer.body, 1, true)
  end)

  it('opens every other path, and nothing else does', function()
    for _, path in ipairs { '/status', '/metrics', '/nowhere' } do
      for header, taken in pairs {
        [''] = false,
        ['Authorization: Bearer open sesame\r\n'] = true,
        ['Authorization: Bearer open sesam\r\n'] = false,
        ['Authorization: Bearer open sesame!\r\n'] = false,
        ['Authorization: Bearer open sesameopen sesame\r\n'] = false,
        ['Authorization: Bearer \r\n'] = false,
        ['Authorization: Basic open sesame\r\n'] = false,
      } do
        local connection = server:connect(server.admin_port)
        local answer = server:request('GET', path, nil, connection, header)
        connection:close()
        assert.equal(taken, answer.status ~= 401, path .. ' ' .. header)
      end
    end
  end)

  it('is required where the listener is not loopback', function()
    local output, code = Server.run "serve --admin 0.0.0.0:0 --listen 127.0.0.1:0 --data /nonexistent"
    assert.not_equal(0, code)
    assert.matches('admin_token', output, 1, true)
  end)
end)
