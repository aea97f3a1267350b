-- What a trader sees: an edited file bids after SIGHUP, a broken one changes nothing.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

local function banner(price)
  return ([[return strategy { name = 'banner', target = { format = { 'banner' } },
    bid = function() return { price = %s, image_url = 'https://cdn.example/b.png',
                              click_url = 'https://go.example/' } end }]]
  ):format(price)
end

describe('a reload', function()
  local server
  local request = Server.shared_data 'exoclick-samples/banner-300x250.json'

  local function price(connection)
    local answer = server:post('/exoclick/bid', request, connection)
    assert.equal(200, answer.status, answer.body)
    return dkjson.decode(answer.body).bid.value
  end

  before_each(function() server = Server.start { strategies = { ['banner.lua'] = banner(0.5) } } end)
  after_each(function() server:finish() end)

  it('takes a new price', function()
    assert.equal(0.5, price())
    server:strategy('banner.lua', banner(0.75))
    server:reload()
    assert.equal(0.75, price())
  end)

  it('keeps the old price where a file is broken, and names file and line', function()
    server:expect_error 'strategies/broken.lua'
    server:strategy('banner.lua', banner(0.75))
    server:strategy('broken.lua', 'return strategy {\n  name = ,\n}')
    server:reload()
    assert.equal(0.5, price())
    assert.matches('strategies/broken.lua:2', server:log(), 1, true)
    assert.matches('"outcome":"refused"', server:admin('GET', '/status').body, 1, true)
    os.remove(server.folder .. '/scripts/strategies/broken.lua')
    server:reload()
    assert.equal(0.75, price())
  end)

  it('keeps the old price where a golden request is answered otherwise', function()
    server:expect_error 'golden/banner.json'
    os.execute('mkdir -p ' .. server.folder .. '/scripts/golden')
    Server.write_file(server.folder .. '/scripts/golden/banner.json',
      ('{"endpoint":"exoclick","request":%s,"expect":"bid"}'):format(request))
    server:strategy('banner.lua', banner(0.75):gsub('format = { .banner. }', "format = { 'push' }"))
    server:reload()
    assert.equal(0.5, price())
    assert.matches('golden/banner.json', server:admin('GET', '/status').body, 1, true)
    server:strategy('banner.lua', banner(0.9))
    server:reload()
    assert.equal(0.9, price())
  end)

  it('refuses a file that never ends loading', function()
    server:expect_error 'strategies/endless.lua'
    server:strategy('endless.lua', 'while true do end')
    server:reload()
    assert.equal(0.5, price())
  end)

  it('says that nothing has changed', function()
    assert.matches('"outcome":"unchanged"', server:admin('POST', '/reload').body, 1, true)
  end)

  it('can be asked for from the command line, with every problem', function()
    local at = '--admin 127.0.0.1:' .. server.admin_port .. ' --config ' .. server.folder .. '/moonbid.conf.lua'
    server:strategy('banner.lua', banner(0.9))
    local output, status = Server.run('reload ' .. at)
    assert.equal(0, status, output)
    assert.matches('loaded: version %x+', output)
    assert.equal(0.9, price())
    server:expect_error 'strategies/banner.lua'
    server:strategy('banner.lua', 'return 1 +')
    output, status = Server.run('reload ' .. at)
    assert.equal(1, status)
    assert.matches('strategies/banner%.lua:1: error: ', output)
    assert.equal(0.9, price())
  end)

  it('fails no request while traffic flows', function()
    local connections = {}
    for i = 1, 20 do connections[i] = server:connect() end
    for round = 1, 30 do
      server:strategy('banner.lua', banner(0.5 + round / 100))
      server:signal 'HUP'
      for _, connection in ipairs(connections) do Server.send(connection, 'POST', '/exoclick/bid', request) end
      for _, connection in ipairs(connections) do
        assert.equal(200, Server.receive(connection).status)
      end
    end
    Server.poll('the last price bids', 10, function() return price(connections[1]) == 0.8 end)
    for _, connection in ipairs(connections) do connection:close() end
  end)
end)

describe('serve --watch', function()
  local server
  local request = Server.shared_data 'exoclick-samples/banner-300x250.json'

  local function bids(price)
    Server.poll('it bids ' .. price, 5, function()
      return dkjson.decode(server:post('/exoclick/bid', request).body).bid.value == price
    end)
  end

  before_each(function()
    server = Server.start { flags = '--watch', strategies = { ['banner.lua'] = banner(0.5) } }
  end)
  after_each(function() server:finish() end)

  it('takes an edit by itself, again and again, and survives a broken one', function()
    bids(0.5)
    server:strategy('banner.lua', banner(0.75))
    bids(0.75)
    server:expect_error 'strategies/banner.lua'
    server:strategy('banner.lua', 'return strategy {')
    Server.poll('it is refused', 5, function() return server:log():match 'reload refused' end)
    bids(0.75)
    server:strategy('banner.lua', banner(0.9))
    bids(0.9)
  end)

  it('sees into folders that are made later', function()
    os.execute('mkdir -p ' .. server.folder .. '/scripts/lib/deep')
    Server.write_file(server.folder .. '/scripts/lib/deep/price.lua', 'return 0.6')
    server:strategy('banner.lua', "local price = require 'lib.deep.price'\n" .. banner 'price')
    bids(0.6)
    Server.write_file(server.folder .. '/scripts/lib/deep/price.lua', 'return 0.7')
    bids(0.7)
  end)

  it('takes many edits in a row as one', function()
    for i = 1, 40 do server:strategy('banner.lua', banner(0.5 + i / 100)) end
    bids(0.9)
    local _, reloads = server:log():gsub(' process reload ', '')
    assert.is_true(reloads <= 2, reloads .. ' reloads')
  end)

  it('goes on where the folder is replaced', function()
    local scripts = server.folder .. '/scripts'
    os.execute(('mv %s %s.old && mkdir -p %s/strategies'):format(scripts, scripts, scripts))
    server:strategy('banner.lua', banner(0.8))
    bids(0.8)
    server:strategy('banner.lua', banner(0.85))
    bids(0.85)
  end)
end)

describe('a strategy out of bounds', function()
  local server
  local request = Server.shared_data 'exoclick-samples/banner-300x250.json'

  local function with(body, config)
    server = Server.start { config = config, strategies = {
      ['good.lua'] = banner(0.5),
      ['bad.lua'] = ([[return strategy { name = 'bad', priority = 9,
        bid = function(ctx, req, imp) %s end }]]):format(body),
    } }
  end

  local function bad()
    for _, strategy in ipairs(dkjson.decode(server:admin('GET', '/status').body).strategies) do
      if strategy.name == 'bad' then return strategy end
    end
  end

  -- The rest of the log must be clean, whatever the strategy did.
  after_each(function() server:finish() end)

  for reason, body in pairs {
    ['script_timeout'] = 'while true do end',
    ['script_timeout under pcall'] = 'while true do pcall(function() while true do end end) end',
    ['script_memory'] = 'return ("x"):rep(1e8)',
    ['script_memory under pcall'] = 'while true do pcall(string.rep, "x", 1e8) error("enough") end',
    ['script_error'] = 'error("on purpose")',
  } do
    it('loses only its own bid: ' .. reason, function()
      with(body)
      server:expect_error 'strategy=bad'
      for _ = 1, 5 do
        local answer = server:post('/exoclick/bid', request)
        assert.equal(200, answer.status)
        assert.equal(0.5, dkjson.decode(answer.body).bid.value)
      end
      assert.equal(5, bad().nobids[reason:match '^%S+'])
    end)
  end

  it('has its full Lua state replaced in the background', function()
    with('local t = {} for i = 1, 1e9 do t[i] = ("x"):rep(1e5) .. i end', 'script = { cpu_ms = 200 },')
    server:expect_error 'strategy=bad'
    assert.equal(0.5, dkjson.decode(server:post('/exoclick/bid', request).body).bid.value)
    assert.equal(1, bad().nobids.script_memory)
    Server.poll('the state is replaced', 5, function() return server:log():match 'outcome=replaced' end)
    local scripts = dkjson.decode(server:admin('GET', '/status').body).scripts
    assert.equal(2, scripts.generation)
    assert.is_true(scripts.lua_bytes < 8 * 1024 * 1024)
  end)
end)

describe('a new version that fails', function()
  local server
  local request = Server.shared_data 'exoclick-samples/banner-300x250.json'
  local push = Server.shared_data 'exoclick-samples/push-720x480.json'

  local function strategy(name, format, bid)
    return ([[return strategy { name = '%s', target = { format = { '%s' } },
      bid = function(ctx, req, imp) %s end }]]):format(name, format, bid)
  end

  local function banner_at(price)
    return ("return { price = %s, image_url = 'https://cdn.example/b.png', click_url = 'https://go.example/' }"
      ):format(price)
  end

  local function push_at(price)
    return ([[return { price = %s, title = 't', description = 'd',
      icon_url = 'https://cdn.example/i.png', click_url = 'https://go.example/' }]]):format(price)
  end

  local function status() return dkjson.decode(server:admin('GET', '/status').body) end
  local function row(name)
    for _, strategy_row in ipairs(status().strategies) do
      if strategy_row.name == name then return strategy_row end
    end
  end

  local function ask(count)
    local connection = server:connect()
    local answer
    for _ = 1, count do answer = server:post('/exoclick/bid', request, connection) end
    connection:close()
    return answer.status == 200 and dkjson.decode(answer.body).bid or nil -- 204: no bid
  end

  local function push_price() return dkjson.decode(server:post('/exoclick/bid', push).body).bid.value end

  local function back() return row('banner').rolled_back end

  before_each(function()
    server = Server.start { config = 'workers = 2,', strategies = {
      ['banner.lua'] = strategy('banner', 'banner', banner_at(0.5)),
      ['push.lua'] = strategy('push', 'push', push_at(0.5)) } }
    server:expect_error 'strategy=banner'
  end)
  after_each(function() server:finish() end)

  local function swap()
    assert.equal(0.5, ask(20).value)
    server:strategy('banner.lua', strategy('banner', 'banner', 'error "on purpose"'))
    server:strategy('push.lua', strategy('push', 'push', push_at(0.75)))
    server:reload()
    assert.equal(0.75, push_price())
    assert.is_nil(ask(60))
    -- The first worker has it before the last: only then is it over.
    Server.poll('it goes back', 10, function() return back() and status().last_reload.outcome == 'rolled_back' end)
  end

  it('goes back by itself, and the others stay new', function()
    swap()
    assert.equal(0.5, ask(1).value)
    assert.equal(0.75, push_price())
    assert.matches('goes back to its old version strategy=banner failed=60 calls=60', server:log(), 1, true)
    local said = status()
    assert.equal('rolled_back', said.last_reload.outcome)
    assert.matches('strategy banner failed', said.last_reload.error, 1, true)
    assert.is_false(row('push').rolled_back)
  end)

  it('stays back over reloads and restarts of its worker, until its file changes', function()
    swap()
    server:reload()
    assert.matches('"outcome":"unchanged"', server:admin('POST', '/reload').body, 1, true)
    assert.matches('strategies/banner.lua problem=as it was when it failed', server:log(), 1, true)
    server:strategy('push.lua', strategy('push', 'push', push_at(0.8)))
    server:reload()
    assert.equal(0.8, push_price())
    assert.equal(0.5, ask(1).value)
    local pid = server:workers()[1].pid
    os.execute('kill -KILL ' .. pid)
    Server.poll('another worker serves', 5, function()
      local said = dkjson.decode(server:admin('GET', '/status').body) -- nil from one that dies while it answers
      return said and said.workers[1].pid ~= pid and said.workers[1].state == 'serving'
    end)
    assert.equal(0.5, ask(1).value)
    server:strategy('banner.lua', strategy('banner', 'banner', banner_at(0.9)))
    server:reload()
    assert.equal(0.9, ask(1).value)
    assert.is_false(back())
  end)
end)
