-- The operator's page, run as a browser runs it: its script against a real server, in a stand-in for a window (browser.mjs).

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

local STRATEGY = [[return strategy { name = '%s', bid = function()
  return { price = 1.25, image_url = 'https://c.example/i', click_url = 'https://c.example/' } end }]]

local function has_node()
  local pipe = io.popen 'command -v node'
  local found = pipe:read '*l'
  pipe:close()
  return found ~= nil
end

describe("the operator's page", function()
  if not has_node() then
    pending 'there is no node here'
    return
  end
  local server
  local request = Server.shared_data 'exoclick-samples/banner-300x250.json'

  local function start(config)
    server = Server.start { config = config,
      strategies = { ['a.lua'] = STRATEGY:format 'first', ['b.lua'] = STRATEGY:format 'second' } }
  end
  after_each(function() server:finish() end)

  -- What the page shows after these acts.
  local function page(acts)
    local pipe = io.popen(('node spec/support/browser.mjs http://127.0.0.1:%d %s 2>&1'):format(server.admin_port, acts or ''))
    local text = pipe:read '*a'
    pipe:close()
    return assert(dkjson.decode(text), text)
  end

  local function row_of(shown, name)
    for _, row in ipairs(shown.rows) do
      if row[1]:find(name, 1, true) == 1 then return row end
    end
  end

  it('shows the state, and each strategy with what it did', function()
    start()
    for _ = 1, 3 do assert.equal(200, server:post('/exoclick/bid', request).status) end
    local path = dkjson.decode(server:post('/exoclick/bid', request).body).bid.bUrl:match '^https?://[^/]+(/.*)$'
    assert.equal(200, server:get(path).status)
    local shown = page()
    assert.equal('serving', shown.state)
    assert.matches('generation 1', shown.version, 1, true)
    assert.equal('', shown.note)
    assert.matches('spend today|0.00125|', shown.cards, 1, true)
    assert.equal(3, #shown.rows)
    local first, second = row_of(shown, 'first'), row_of(shown, 'second')
    assert.equal('firststrategies/a.lua', first[1])
    assert.equal(4, tonumber(first[3]) + tonumber(second[3])) -- bids; one of them is outranked each time
    assert.equal('pause', first[#first])
  end)

  it('shows what shadows would have won, and pauses them', function()
    start 'shadow = { rate = 1, cpu_share = 1 },'
    server:strategy('c.lua', (STRATEGY:format 'third':gsub('bid =', 'shadow = true, bid =')))
    server:reload()
    local function ask()
      local path = dkjson.decode(server:post('/exoclick/bid', request).body).bid.bUrl:match '^https?://[^/]+(/.*)$'
      assert.equal(200, server:get(path).status)
    end
    ask()
    Server.poll('the win is told', 10, function()
      return table.concat(row_of(page(), 'third'), '|'):find('shadow: 1 bids of 1 calls, 1 of 1 would have won', 1, true)
    end)
    assert.equal(200, server:admin('POST', '/strategies/third/pause').status)
    ask()
    assert.matches('paused', table.concat(row_of(page(), 'third'), '|'), 1, true)
    for _, strategy in ipairs(dkjson.decode(server:admin('GET', '/status').body).strategies) do
      if strategy.name == 'third' then assert.equal(1, strategy.shadow.asked) end
    end
  end)

  it('pauses, resumes and reloads', function()
    start()
    local shown = page "'click=pause all'"
    assert.equal('paused', shown.outcome)
    assert.equal(204, server:post('/exoclick/bid', request).status)
    shown = page "'click=resume all' click=pause"
    assert.equal('paused', shown.outcome)
    assert.equal('paused', row_of(shown, 'first')[11])
    assert.equal('', row_of(shown, 'second')[11])
    assert.equal('unchanged', page("click=reload").outcome)
  end)

  it('says why a reload was refused', function()
    start()
    server:expect_error 'a.lua:1'
    server:strategy('a.lua', 'return strategy {')
    local shown = page 'click=reload'
    assert.matches('a.lua:1', shown.note, 1, true)
  end)

  it('asks for the token, and shows nothing without it', function()
    start "admin_token = 'open sesame',"
    assert.equal('no status: 401', page().state)
    assert.equal(0, #page().rows)
    local shown = page "'token=open sesame' click=pause"
    assert.equal('serving', shown.state)
    assert.equal('paused', shown.outcome)
  end)

  it('shows the strategies that are looked for', function()
    start()
    assert.equal(2, #page('type=filter=SECOND').rows)
    assert.equal(1, #page('type=filter=nobody').rows)
  end)
end)
