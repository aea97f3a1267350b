-- Load errors: each names file, line, key, and what was expected; lua-api section 1.

local folders = require 'spec.support.folder'

local BID = 'bid = function() end'

-- Keys of a strategy beside name and bid, and what the error must say behind "strategies/probe.lua:2: ".
local ROWS = {
  { 'enabeld = true', 'enabeld: unknown key' },
  { '[1] = true', '1: unknown key' },
  { "enabled = 'yes'", 'enabled: expected true or false, got a string' },
  { "model = 'cpa'", "model: expected 'cpm', 'cpc' or 'smart_cpc', got cpa" },
  { 'model = 1', "model: expected 'cpm', 'cpc' or 'smart_cpc', got a number" },
  { 'priority = 1.5', 'priority: expected an integer, got a number' },
  { "priority = 'high'", 'priority: expected an integer, got a string' },
  { 'track_clicks = 1', 'track_clicks: expected true or false, got a number' },
  { 'on_win = true', 'on_win: expected a function, got a boolean' },
  { 'on_notify = {}', 'on_notify: expected a function, got a table' },
  { 'on_pending = function() end', 'on_pending: unknown key' },
  { 'tokens = {}', 'tokens: expected 1 to' },
  { "tokens = { src = 'x' }", 'tokens.src: expected a function, got a string' },
  { "tokens = { ['a-b'] = function() end }", 'tokens.a-b: expected a name' },
  { 'tokens = 7', 'tokens: expected a table of functions' },
  { "target = 'DE'", 'target: expected a table, got a string' },
  { "target = { contry = { 'DE' } }", 'target.contry: unknown key' },
  { 'target = { country = {} }', 'target.country: expected a list, got an empty one' },
  { "target = { country = 'DE' }", 'target.country: expected a list, got a string' },
  { "target = { country = { 'Germany' } }", "target.country: expected two letters such as 'DE', got 'Germany'" },
  { 'target = { country = { true } }', 'target.country: expected strings, got a boolean' },
  { "target = { country = { x = 'DE' } }", 'target.country: expected a list, got a table with names' },
  { "target = { format = { 'pushh' } }", 'target.format: expected a format' },
  { "target = { exchange = { 'nobody' } }", "target.exchange: expected 'exoclick', 'xandr' or 'openrtb', got 'nobody'" },
  { "target = { endpoint = { 'nowhere' } }", 'target.endpoint: expected the name of a configured endpoint' },
  { "target = { device = { 'mobile' } }", "target.device: expected 'phone', 'tablet', 'desktop', 'tv', 'bot' or 'other'" },
  { "target = { os = { 'androyd' } }", "target.os: expected a system such as 'android' or 'ios'" },
  { "target = { exclude = { browser = { 'crome' } } }", "target.exclude.browser: expected a browser such as 'chrome'" },
  { "target = { size = { '300by250' } }", 'target.size: expected a size such as' },
  { "target = { zone = { '' } }", 'target.zone: expected a text that is not empty' },
  { "target = { zone = list 'empty.txt' }", "target.zone: the list 'empty.txt' is empty" },
  { 'target = { hours = {} }', 'target.hours: expected a list of texts' },
  { "target = { hours = { 'someday' } }", 'target.hours: expected a list of texts' },
  { "target = { hours = { 'mon 08:00-25:00' } }", 'target.hours: expected a list of texts' },
  { "target = { exclude = { country = {} } }", 'target.exclude.country: expected a list, got an empty one' },
  { "target = { exclude = { contry = { 'DE' } } }", 'target.exclude.contry: unknown key' },
  { "target = { exclude = 'DE' }", 'target.exclude: expected a table, got a string' },
  { 'limits = 5', 'limits: expected a table, got a number' },
  { 'limits = { dayly = 5 }', 'limits.dayly: unknown key' },
  { 'limits = { daily = 0 }', 'limits.daily: expected an amount above 0' },
  { 'limits = { daily = -5 }', 'limits.daily: expected an amount above 0' },
  { "limits = { total = '5' }", 'limits.total: expected an amount above 0, got a string' },
  { 'limits = { hourly = 0 / 0 }', 'limits.hourly: expected an amount above 0' },
  { 'limits = { daily = 1 / 0 }', 'limits.daily: expected an amount above 0' },
  { 'limits = { max_bid = 0 }', 'limits.max_bid: expected a price above 0' },
  { 'limits = { max_bid = {} }', 'limits.max_bid: expected cpm or cpc' },
  { 'limits = { max_bid = { cpa = 1 } }', 'limits.max_bid.cpa: unknown key' },
  { 'limits = { max_impressions = 1.5 }', 'limits.max_impressions: expected an integer' },
  { 'limits = { max_clicks = 0 }', 'limits.max_clicks: expected an integer' },
  { 'limits = { qps = -1 }', 'limits.qps: expected an integer' },
  { "limits = { pacing = 'slow' }", "limits.pacing: expected 'asap' or 'even', got 'slow'" },
  { "limits = { reserve = 'half' }", "limits.reserve: expected 'expected' or 'full', got 'half'" },
  { "limits = { timezone = 'Mars/Crater' }", "limits.timezone: expected a time zone such as 'Europe/Berlin'" },
  { "limits = { starts = 'soon' }", "limits.starts: expected a date such as '2026-03-01T00:00', got 'soon'" },
  { "limits = { starts = '2026-06-01T00:00', ends = '2026-03-01T00:00' }", 'limits.ends: expected an instant behind' },
  { "limits = { budget = 'nobody' }", 'limits.budget' },
  { "limits = { per = { key = 'mood', total = 5 } }", 'limits.per.key' },
  { "limits = { per = { key = 'zone' } }", 'limits.per.total' },
  { "limits = { frequency = { count = 0, per = '24h', key = { 'user' } } }", 'limits.frequency.count' },
  { "limits = { frequency = { count = 3, per = 'day', key = { 'user' } } }", 'limits.frequency.per' },
  { "limits = { frequency = { count = 3, per = '24h', key = {} } }", 'limits.frequency.key' },
  { "limits = { frequency = { count = 3, per = '24h', key = { 'shoe' } } }", 'limits.frequency.key' },
  { "limits = { frequency = { count = 3, per = '24h', key = { 'user' }, missing = 'maybe' } }", 'limits.frequency.missing' },
}

describe('loading', function()
  local folder
  before_each(function()
    folder = folders.new()
    folder:write('lists/empty.txt', '\n')
  end)
  after_each(function() folder:remove() end)

  local function refusal()
    local ok, message = pcall(folder.load, folder)
    assert.is_false(ok, 'the scripts load')
    return message
  end

  for _, row in ipairs(ROWS) do
    it('refuses ' .. row[1], function()
      folder:write('strategies/probe.lua', ("\nreturn strategy { name = 'probe', %s, %s }"):format(BID, row[1]))
      assert.matches('strategies/probe.lua:2: ' .. row[2], refusal(), 1, true)
    end)
  end

  it('refuses names that are none, and bids that are no function', function()
    for _, row in ipairs {
      { BID, 'name: is missing' }, { "name = 'Upper', " .. BID, "name: expected 1 to 64 of a-z 0-9 _ -, got 'Upper'" },
      { "name = '', " .. BID, 'name: expected 1 to 64' },
      { ("name = '%s', %s"):format(('x'):rep(65), BID), 'name: expected 1 to 64' },
      { 'name = 7, ' .. BID, 'name: expected a string, got a number' }, { "name = 'a\\0b', " .. BID, 'name: expected 1 to 64' },
      { "name = 'a'", 'bid: is missing' }, { "name = 'a', bid = 'x'", 'bid: expected a function, got a string' },
    } do
      folder:write('strategies/probe.lua', 'return strategy { ' .. row[1] .. ' }')
      assert.matches('strategies/probe.lua:1: ' .. row[2], refusal(), 1, true)
    end
  end)

  it('refuses a name twice, and says where it was first', function()
    folder:write('strategies/a.lua', "\n\nreturn strategy { name = 'same', " .. BID .. ' }')
    folder:write('strategies/b.lua', "\nreturn strategy { name = 'same', " .. BID .. ' }')
    assert.matches("strategies/b.lua:2: name: 'same' is taken by strategies/a.lua:3", refusal(), 1, true)
  end)

  it('names the line of a strategy among several', function()
    folder:write('strategies/probe.lua', "return {\n  strategy { name = 'a', " .. BID .. " },\n  strategy { name = 'b', "
      .. BID .. ', typo = 1 },\n}')
    assert.matches('strategies/probe.lua:3: typo: unknown key', refusal(), 1, true)
  end)

  it('refuses files that do not compile, raise, or return something else', function()
    for _, row in ipairs {
      { 'return strategy {', 'strategies/probe.lua:1: ' }, { "\nerror 'oops'", 'strategies/probe.lua:2: oops' },
      { 'return 7', 'return: expected strategy {...} or a list of them, got a number' },
      { 'return {}', 'return: expected strategy {...} or a list of them' },
      { 'return { 7 }', 'return: expected strategy {...} or a list of them, got a list with something else' },
      { '', 'return: expected strategy {...} or a list of them, got nothing' },
      { 'return strategy(7)', 'strategies/probe.lua' }, { '\27LJ\2', 'strategies/probe.lua' },
      { '\nmath.random()', 'strategies/probe.lua:2: chance is offered inside a call only' },
      { 'while true do end', 'the file ran for more than 2 seconds' },
    } do
      folder:write('strategies/probe.lua', row[1])
      assert.matches(row[2], refusal(), 1, true)
    end
  end)
end)
