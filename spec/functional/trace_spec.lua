-- What `moonbid try --trace` tells a trader, as a page and as a document.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

describe('moonbid try --trace', function()
  local folder

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    os.execute('mkdir -p ' .. folder .. '/strategies')
    Server.write_file(folder .. '/banner.json', Server.shared_data 'exoclick-samples/banner-300x250.json')
    Server.write_file(folder .. '/strategies/a.lua', [[
      return {
        strategy { name = 'best', limits = { daily = 10, max_bid = { cpm = 5 } },
          tokens = { src = function() return 'a b' end },
          bid = function(ctx)
            ctx.note('model', 'v2')
            log.info('bidding on %s', 'it')
            return { price = 1.5, image_url = 'https://cdn.example/b.png', click_url = 'https://go.example/?s={src}&z={zone_id}' }
          end },
        strategy { name = 'second', bid = function()
          return { price = 0.5, image_url = 'https://cdn.example/b.png', click_url = 'https://go.example/' } end },
        strategy { name = 'picky', bid = function() return nobid 'not_today' end },
        strategy { name = 'broken', bid = function(ctx, req) return req.no.such end },
        strategy { name = 'elsewhere', target = { format = { 'popunder' }, hours = { 'sat 10:00-12:00' },
          exclude = { size = { '300x250' } } }, bid = function() return nobid 'x' end },
      }]])
  end)
  after_each(function() os.execute('rm -rf ' .. folder) end)

  local function try(flags)
    return Server.run(('try --endpoint exoclick --query zone_id=42 --scripts %s --now 2026-03-02T09:00:00Z %s %s/banner.json')
      :format(folder, flags, folder), folder)
  end

  it('shows each strategy with all that led to its word', function()
    local page, status = try '--trace --spend best=2.5'
    assert.equal(0, status, page)
    for _, line in ipairs {
      'best  imp %S+  bid  cpm 1%.5\n',
      '    bid       price            1%.5\n',
      '              click_url        https://go%.example/%?s=a%%20b&z=42\n',
      '    limits    daily            10  spent 2%.5  held 0  left 7%.5  ok\n',
      '              max_bid%.cpm      5  ok\n',
      '    script    %d+%.%d+ ms of CPU, %d+ bytes of Lua memory\n',
      '    notes     model = v2\n',
      '    log       info: bidding on it\n',
      'picky  imp %S+  no bid: not_today\n',
      'broken  imp %S+  no bid: script_error %(strategies/a%.lua:12: attempt to index',
      '    error     stack traceback:\n              strategies/a%.lua:12: in function',
      'elsewhere  imp %S+  no bid: target\n',
      '    target    format     wants    popunder; the request has banner\n',
      '              size       excludes 300x250; the request has 300x250\n',
      '              hours      wants    sat 10:00%-12:00; it is mon 09:00\n',
      '\nranking\n     1%. best  imp %S+  goes out\n     2%. second  imp %S+  eCPM 0%.5, below the 1%.5 of best\n',
      '\ntokens\n    best  {src} = a b\n    best  {zone_id} = 42\n',
      '\nanswer\nHTTP/1%.1 200 OK\r\nContent%-Type: application/json\r\nContent%-Length: %d+\r\n\r\n{"bid":',
    } do
      assert.matches(line, page)
    end
    assert.is_nil(page:find '\27')
    assert.is_nil(page:find 'strategy says')
  end)

  it('names the limit that stops a bid', function()
    local page = try '--trace --spend best=10'
    assert.matches('best  imp %S+  no bid: budget\n', page)
    assert.matches('daily            10  spent 10  held 0  left 0  stops it\n', page)
    local output, status = try '--spend best'
    assert.equal(2, status)
    assert.matches('^moonbid: %-%-spend takes NAME=AMOUNT', output)
    output, status = try '--spend nobody=1'
    assert.equal(2, status)
    assert.matches("^moonbid: %-%-spend: no strategy 'nobody'", output)
  end)

  it('shows what a request would do to a terminal as numbers', function()
    local request = Server.read_file(folder .. '/banner.json')
    Server.write_file(folder .. '/strategies/a.lua', [[
      return strategy { name = 'aims', target = { domain = { 'a.example' } }, bid = function() end }]])
    Server.write_file(folder .. '/banner.json', (request:gsub('{', '{"url":"https://a\\u001b[2J.test/",', 1)))
    local page = try '--trace'
    assert.is_nil(page:match('target[^\n]*\27'))
  end)

  it('gives the same as a document', function()
    local text, status = try '--format json'
    assert.equal(0, status, text)
    local trace = assert(dkjson.decode(text:match '{"outcome".*'))
    local steps = {}
    for _, step in ipairs(trace.steps) do steps[step.strategy] = step end
    assert.equal('bid', trace.outcome)
    assert.same({ 'elsewhere', 'best', 'second', 'picky', 'broken' }, (function()
      local names = {}
      for i, step in ipairs(trace.steps) do names[i] = step.strategy end
      return names
    end)())
    assert.equal('bid', steps.best.decisions[1].outcome)
    assert.equal('1.5', steps.best.decisions[1].bid.price)
    assert.same({ model = 'v2' }, steps.best.call.notes)
    assert.same({ { level = 'info', text = 'bidding on it' } }, steps.best.call.log)
    assert.same({ name = 'daily', limit = '10', spent = '0', held = '0', left = '10', stops = false }, steps.best.limits[1])
    assert.is_true(steps.picky.decisions[1].own_reason)
    assert.matches('stack traceback', steps.broken.call.traceback)
    assert.same({ key = 'format', rule = 'include', values = { 'popunder' }, n_values = 1, request = { 'banner' } },
      steps.elsewhere.target[1])
    assert.equal(3, #steps.elsewhere.target)
    assert.is_nil(steps.elsewhere.call)
    assert.equal('won', trace.ranking[1].result)
    assert.equal('ecpm', trace.ranking[2].result)
    assert.equal('best', trace.ranking[2].to)
    assert.equal('a b', trace.tokens[1].value)
    assert.equal(200, trace.answer.status)
    assert.equal(#trace.answer.body, tonumber(trace.answer.head:match 'Content%-Length: (%d+)'))
  end)

  it('works for every protocol', function()
    for endpoint, sample in pairs {
      openrtb = 'xandr-samples/outgoing-bid-request-to-bidders.imp.2.json',
      xandr = 'xandr-samples/bid-request.bid_request.1.json',
    } do
      Server.write_file(folder .. '/sample.json', Server.shared_data(sample))
      local page, status = Server.run(('try --endpoint %s --scripts %s --trace %s/sample.json')
        :format(endpoint, folder, folder), folder)
      assert.equal(0, status, page)
      assert.matches('\nanswer\nHTTP/1.1 20', page, 1, true)
      assert.matches('elsewhere  imp', page, 1, true)
    end
  end)

  it('says that a request was refused', function()
    Server.write_file(folder .. '/banner.json', '{')
    local page, status = try '--trace'
    assert.equal(1, status)
    assert.matches('^the request was refused\n\nanswer\nHTTP/1.1 400 Bad Request\r\n', page)
    local text = try '--format json'
    assert.equal('refused', dkjson.decode(text).outcome)
    local output, code = try '--format yaml'
    assert.equal(2, code)
    assert.matches("^moonbid: %-%-format is text or json, not 'yaml'", output)
  end)
end)
