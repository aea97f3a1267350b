-- What an operator types.

local Server = require 'spec.support.server'
local nesting = require 'spec.support.nesting'

local BINARY = os.getenv 'MOONBID_BIN'

describe('the command line', function()
  local folder

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    os.execute('mkdir -p ' .. folder .. '/scripts/strategies')
    Server.write_file(folder .. '/banner.json', Server.shared_data 'exoclick-samples/banner-300x250.json')
    Server.write_file(folder .. '/popunder.json', Server.shared_data 'exoclick-samples/popunder-xml.json')
    -- The commented example, without the database, which is fetched and not part of the project.
    local config, count = Server.read_file('moonbid.conf.lua'):gsub("\n  geoip = '[^\n]+", '')
    assert.equal(1, count)
    Server.write_file(folder .. '/moonbid.conf.lua', config)
    Server.write_file(folder .. '/scripts/strategies/a.lua', [[
      return {
        strategy { name = 'banner', target = { format = { 'banner' } },
          bid = function(ctx) return { price = 0.5 + ctx.random(), image_url = 'https://cdn.example/b.png',
                                       click_url = 'https://go.example/?z={zone_id}' } end },
        strategy { name = 'picky', bid = function() return nobid 'not_today' end },
        strategy { name = 'popunder', target = { format = { 'popunder' } },
          bid = function() return { price = 1, url = 'https://go.example/' } end },
      }]])
  end)
  after_each(function() os.execute('rm -rf ' .. folder) end)

  -- In the folder, whose config the commands take where none is named.
  local function run(command) return Server.run(command, folder) end

  local function try(flags)
    return run(('try --endpoint exoclick --scripts %s/scripts %s'):format(folder, flags))
  end

  it('helps', function()
    local output, status = run '--help'
    assert.equal(0, status)
    for _, command in ipairs {
      'new', 'check', 'try', 'replay', 'serve', 'reload', 'pause', 'resume', 'endpoints', 'report', 'market', 'ledger', 'version',
    } do
      assert.matches('\n  ' .. command .. ' ', output)
      local help, code = run(command .. ' --help')
      assert.equal(0, code)
      assert.matches('^usage: moonbid ' .. command, help)
      local example = assert(help:match '\nexample: ([^\n]+)\n$', help)
      assert.equal(BINARY .. ' ' .. command, example:sub(1, #BINARY + 1 + #command)) -- as it was called, to be pasted
      if not ({ serve = 1, reload = 1, pause = 1, resume = 1 })[command] then -- whoever may serve here is left alone
        local said = run(example:sub(#BINARY + 2))
        assert.is_nil(said:find('--help`', 1, true) or said:find 'usage:', said)
      end
    end
  end)

  it('says in one line what is wrong with a call, with status 2', function()
    for _, command in ipairs {
      '', 'nonsense', 'serve --nonsense', 'serve --listen', 'serve operand', 'serve --set nonsense',
      'serve --log-format nonsense', 'try', 'try --endpoint exoclick', 'version --config x',
    } do
      local output, status = run(command)
      assert.equal(2, status, command .. ': ' .. output)
      assert.matches('^moonbid: [^\n]+\n$', output)
    end
  end)

  it('refuses config values with the path of the key', function()
    for setting, path in pairs {
      ['script.cpu_ms=0'] = 'script.cpu_ms', ['nonsense=1'] = 'nonsense',
      ['endpoints.1.timeout_ms=x'] = 'endpoints[1].timeout_ms', ['workers=0'] = 'workers', ['workers=many'] = 'workers',
      ['listen.1.x=1'] = 'listen.1.x',
    } do
      local output, status = run(('check --scripts %s/scripts --config %s/moonbid.conf.lua --set %s')
        :format(folder, folder, setting))
      assert.equal(1, status, setting .. ': ' .. output)
      assert.matches(path, output, 1, true)
    end
    local output, status = run('serve --config ' .. folder .. '/none.lua')
    assert.equal(3, status)
    assert.matches('none.lua', output, 1, true)
  end)

  describe('on golden requests', function()
    -- Writes golden/one.json and checks: output, exit status.
    local function golden(text)
      os.execute('mkdir -p ' .. folder .. '/scripts/golden')
      Server.write_file(folder .. '/scripts/golden/one.json', text)
      return run(('check --config %s/moonbid.conf.lua --scripts %s/scripts'):format(folder, folder))
    end
    local BANNER = '"endpoint": "exoclick", "request": ' .. Server.shared_data 'exoclick-samples/banner-300x250.json'

    it('takes scripts that decide as expected', function()
      for _, expect in ipairs { '"bid"', '"no error"', '{"bid": "banner"}' } do
        local output, status = golden(('{%s, "expect": %s}'):format(BANNER, expect))
        assert.equal(0, status, output)
      end
    end)

    it('refuses scripts that decide otherwise, and says what came instead', function()
      for expect, said in pairs {
        ['"nobid"'] = 'expected "nobid", got ', ['{"nobid": "target"}'] = 'expected {"nobid": "target"}, got ',
        ['{"bid": "popunder"}'] = 'expected {"bid": "popunder"}, got popunder: target, banner: bid',
        ['"perhaps"'] = 'expect: expected',
      } do
        local output, status = golden(('{%s, "expect": %s}'):format(BANNER, expect))
        assert.equal(1, status, output)
        assert.matches('golden/one.json: error: ' .. said, output, 1, true)
      end
    end)

    it('names what is wrong with the file', function()
      for text, said in pairs {
        ['{'] = 'not JSON at byte 1', ['[]'] = 'expected an object', ['{"endpoint":"x"}'] = "none named 'x'",
        ['{"endpoint":"exoclick","request":"{"}'] = 'answered 400', ['{"endpoint":"exoclick","wish":1}'] = 'wish: unknown key',
        ['{"endpoint":"exoclick","request":{},"now":"noon"}'] = 'now: expected',
      } do
        local output, status = golden(text)
        assert.equal(1, status, output)
        assert.matches(said, output, 1, true)
      end
    end)

    it('refuses a script that fails on one, whatever is expected', function()
      Server.write_file(folder .. '/scripts/strategies/b.lua',
        "return strategy { name = 'b', bid = function(ctx, req) return req.nothing.at_all end }")
      local output, status = golden(('{%s}'):format(BANNER))
      assert.equal(1, status, output)
      assert.matches('golden/one.json: error: b: script_error: strategies/b.lua:1', output, 1, true)
    end)
  end)

  it('takes the commented example', function()
    local output, status = run(('check --config %s/moonbid.conf.lua --scripts %s/scripts'):format(folder, folder))
    assert.equal(0, status, output)
    assert.matches('^pure: 3 of 3 [^\n]+\nok: 3 strategies, 0 warnings, version %x+\n$', output)
  end)

  it('checks scripts and prints every problem with file and line', function()
    Server.write_file(folder .. '/scripts/strategies/b.lua', 'return strategy {\n  name = = 1,\n}')
    Server.write_file(folder .. '/scripts/strategies/c.lua',
      'return strategy { name = "c", nonsense = 1, bid = function() end }')
    local output, status = run('check --scripts ' .. folder .. '/scripts')
    assert.equal(1, status)
    assert.matches('strategies/b%.lua:2: error: ', output)
    assert.matches('strategies/c%.lua[:%d]*: error: [^\n]*nonsense', output)
  end)

  it('says in one line that there is no scripts folder, with status 3', function()
    for _, command in ipairs { 'check', 'try --endpoint exoclick ' .. folder .. '/banner.json' } do
      local output, status = run(command .. ' --scripts ' .. folder .. '/none')
      assert.equal(3, status)
      assert.matches('^moonbid: [^\n]+/none: [^\n]+\n$', output)
    end
  end)

  it('checks scripts that never end', function()
    Server.write_file(folder .. '/scripts/strategies/b.lua', 'while true do end')
    local output, status = run('check --scripts ' .. folder .. '/scripts')
    assert.equal(1, status)
    assert.matches('strategies/b%.lua[:%d]*: error: ', output)
  end)

  it('survives scripts that nest without end', function()
    for name, body in pairs(nesting) do
      Server.write_file(folder .. '/scripts/strategies/b.lua', body)
      local output, status = run('check --scripts ' .. folder .. '/scripts')
      assert.equal(1, status, name .. ': ' .. output)
      assert.matches('strategies/b%.lua[:%d]*: error: [^\n]*stack overflow', output)
      Server.write_file(folder .. '/scripts/strategies/b.lua',
        ("return strategy { name = 'nests', bid = function() %s end }"):format(body))
      output, status = try(folder .. '/banner.json')
      assert.equal(0, status, name .. ': ' .. output)
      assert.matches('nests  imp %S+  no bid: script_', output)
      assert.matches('\nHTTP 200 application/json\n{"bid":', output, 1, true)
    end
  end)

  it('tries a request and shows every word and the very answer', function()
    local output, status = try('--query zone_id=42 --trace --now 2026-03-02T09:00:00Z --seed 7 '
      .. folder .. '/banner.json')
    assert.equal(0, status, output)
    assert.matches('banner  imp %S+  bid  cpm', output)
    assert.matches('picky  imp %S+  no bid: not_today', output)
    assert.matches('popunder  imp %S+  no bid: target', output)
    assert.matches('\nHTTP/1.1 200 OK\r\n.*\r\n\r\n{"bid":', output)
    assert.matches('?z=42', output, 1, true)
  end)

  it('tries a shadow or a candidate alone, as if it bid', function()
    os.execute('mkdir -p ' .. folder .. '/new/strategies')
    local function write(path, price, more)
      Server.write_file(folder .. path, ([[return strategy { name = 'banner', %s bid = function(ctx)
        return { price = ctx.strategy == 'banner' and %s, image_url = 'https://cdn.example/b.png',
          click_url = 'https://go.example/' } end }]]):format(more, price))
    end
    write('/new/strategies/a.lua', '7.25', '')
    local set = ('--set shadow.scripts=%s/new banner.json --shadow '):format(folder)
    local output, status = try(set .. 'shadow:banner')
    assert.equal(0, status, output)
    assert.matches('^shadow:banner  imp %S+  bid  cpm 7.25\n', output)
    assert.is_nil(output:find('picky', 1, true))
    output, status = try(set .. 'shadow:nobody')
    assert.same({ 1, "moonbid: --shadow: no strategy 'shadow:nobody'\n" }, { status, output })
    assert.matches('names no folder of candidates', (try 'banner.json --shadow shadow:banner'), 1, true)
    write('/scripts/strategies/a.lua', '6.5', 'shadow = true,')
    assert.matches('no strategy was asked', (try 'banner.json'), 1, true)
    assert.matches('^banner  imp %S+  bid  cpm 6.5\n', (try 'banner.json --shadow banner'))
  end)

  it('tries the same request to the same bytes', function()
    local flags = '--now 2026-03-02T09:00:00Z --seed 7 ' .. folder .. '/banner.json'
    assert.equal(try(flags), try(flags))
    assert.not_equal(try(flags), (try(flags:gsub('seed 7', 'seed 8'))))
  end)

  it('tries XML, no-bids and broken requests', function()
    local output, status = try(folder .. '/popunder.json')
    assert.equal(0, status)
    assert.matches('HTTP 200 application/xml\n<', output, 1, true)
    Server.write_file(folder .. '/broken.json', '{"id":')
    output, status = try(folder .. '/broken.json')
    assert.equal(1, status)
    assert.matches('HTTP 400 application/json\n{"error":', output, 1, true)
    output, status = try(folder .. '/none.json')
    assert.equal(3, status)
    assert.matches('none.json', output, 1, true)
  end)

  it('prints the URLs to register', function()
    local output, status = run 'endpoints --set notice_url=https://rtb.example.com'
    assert.equal(0, status)
    assert.matches('https://rtb.example.com/exoclick/bid?site_id={site_id}&zone={zone_id}', output, 1, true)
    assert.matches('https://rtb.example.com/exoclick/openrtb?site_id={site_id}', output, 1, true)
    assert.matches('\n  bid URL     https://rtb.example.com/openrtb/bid\n', output, 1, true)
    assert.matches('\n  instance    https://rtb.example.com\n  bid_uri     /xandr/bid\n', output, 1, true)
    assert.matches('\n  notify_uri  /xandr/notify\n', output, 1, true)
    assert.matches('\nnotices come to https://rtb.example.com/n/...\n$', output)
  end)

  it('prints paths of Xandr below the base\'s own, also where Xandr has an OpenRTB endpoint of its own', function()
    Server.write_file(folder .. '/x.lua', [[return { notice_url = 'http://h:80/a', endpoints = {
      { name = 'x', path = '/x/bid', exchange = 'openrtb', dialect = 'xandr' },
      { name = 'y', path = '/y', exchange = 'xandr' } } }]])
    local output, status = run('endpoints --config ' .. folder .. '/x.lua')
    assert.equal(0, status)
    assert.matches('x (openrtb of xandr, USD)\n  instance    http://h:80\n  bid_uri     /a/x/bid\n  ready_uri   /a/ready\n',
      output, 1, true)
    assert.matches('\n  ready_uri   /a/y/ready\n', output, 1, true)
  end)

  it('warns of a base for notices that no exchange can reach', function()
    for _, base in ipairs { 'http://127.0.0.1:8080', 'http://localhost', 'http://[::1]:80' } do
      assert.matches('no exchange reaches that address', (run('endpoints --set notice_url=' .. base)), 1, true)
    end
    assert.is_nil((run 'endpoints --set notice_url=http://rtb.example.com'):find('reaches', 1, true))
  end)

  it('tells the versions', function()
    local output, status = run 'version'
    assert.equal(0, status)
    assert.matches('^moonbid %d+%.%d+%.%d+\ncommit %w[^\n]*\nLuaJIT 2%.1[^\n]+\n', output)
    assert.matches('\nlibuv [^\n]+\nllhttp [^\n]+\ncJSON [^\n]+\nSQLite 3%.[%d.]+\n$', output)
  end)

  it('says that no server answers', function()
    local output, status = run 'reload --admin 127.0.0.1:1'
    assert.equal(3, status)
    assert.matches('127.0.0.1:1', output, 1, true)
  end)
end)
