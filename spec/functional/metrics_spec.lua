-- What monitoring reads: every name of docs/metrics.md is served and no other, in a form that Prometheus takes, with
-- numbers that fit what has happened.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

local STRATEGIES = { ['a.lua'] = [[return {
  strategy { name = 'banner', target = { zone = { '1' } }, track_clicks = true,
    bid = function() return { price = 0.5, image_url = 'https://c.example/i', click_url = 'https://c.example/' } end },
  strategy { name = 'picky', target = { zone = { '1' } }, bid = function() return nobid 'dull' end },
  strategy { name = 'broken', target = { zone = { '1' } }, bid = function() error 'x' end },
}]] }

-- name -> { labels = 'a b', type = 'counter' }
local function documented()
  local found = {}
  for line in assert(io.open 'docs/metrics.md'):lines() do
    local name, labels, kind = line:match '^| `(moonbid_[%w_]+)` |(.-)| (%a+) |'
    if name then found[name] = { labels = labels:gsub('[^%w_ ]', ''):match '^ *(.-) *$', type = kind } end
  end
  return found
end

-- 'a="x\\"y",b="z"' -> { a = ..., b = ... } and 'a b'; nothing where it is not well-formed.
local function read_labels(text)
  local labels, names, rest = {}, {}, text
  while rest ~= '' do
    local name, value, after = rest:match '^([%a_][%w_]*)="(.-[^\\])"(.*)$'
    if not name then name, value, after = rest:match '^([%a_][%w_]*)="()"(.*)$' end
    assert.is_truthy(name, text)
    assert.is_nil(labels[name], text)
    labels[name], names[#names + 1] = value, name
    rest = after:gsub('^,', '')
  end
  return labels, table.concat(names, ' ')
end

local SUFFIXES = { histogram = { _bucket = true, _sum = true, _count = true }, counter = { [''] = true }, gauge = { [''] = true } }

-- The page as families, checked as promtool would: HELP and TYPE in front, the samples of a family in one piece, no
-- series twice.
local function read_page(text)
  local families, current, seen = {}, nil, {}
  assert.equal('\n', text:sub(-1))
  for line in text:gmatch '([^\n]*)\n' do
    local help = line:match '^# HELP ([%a_:][%w_:]*) .+$'
    local name, kind = line:match '^# TYPE ([%a_:][%w_:]*) (%a+)$'
    if help then
      assert.is_nil(families[help], line)
      current = { name = help, samples = {} }
      families[help] = current
    elseif name then
      assert.equal(current.name, name)
      assert.equal(0, #current.samples)
      current.type = kind
    else
      local full, braces, value = line:match '^([%a_:][%w_:]*)(%b{}) (%S+)$'
      if not full then full, value = line:match '^([%a_:][%w_:]*) (%S+)$' end
      assert.is_truthy(full and tonumber(value), line)
      assert.is_nil(seen[full .. (braces or '')], line)
      seen[full .. (braces or '')] = true
      local suffix = full:sub(#current.name + 1)
      assert.equal(current.name, full:sub(1, #current.name))
      assert.is_true(SUFFIXES[current.type][suffix], line)
      local labels, names = read_labels((braces or '{}'):sub(2, -2))
      current.samples[#current.samples + 1] = { suffix = suffix, labels = labels, names = names, value = tonumber(value) }
    end
  end
  return families
end

-- Buckets rise in `le` and never fall in count; the last is +Inf and equals the count.
local function check_histogram(family)
  local last_le, last, count = -1, 0, nil
  for _, sample in ipairs(family.samples) do
    if sample.suffix == '_bucket' then
      local le = sample.labels.le == '+Inf' and math.huge or tonumber(sample.labels.le)
      assert.is_true(le > last_le and sample.value >= last, family.name)
      last_le, last = le, sample.value
    elseif sample.suffix == '_count' then
      count = sample.value
    end
  end
  assert.equal(math.huge, last_le)
  assert.equal(last, count)
  return count
end

describe('metrics', function()
  local server
  local banner = Server.shared_data 'exoclick-samples/banner-300x250.json'

  before_each(function()
    server = Server.start { strategies = STRATEGIES }
    server:expect_error 'strategy=broken'
  end)
  after_each(function() server:finish() end)

  local function page()
    local answer = server:admin('GET', '/metrics')
    assert.equal(200, answer.status)
    return read_page(answer.body)
  end

  local function value(family, wanted)
    for _, sample in ipairs(family.samples) do
      local fits = true
      for name, text in pairs(wanted or {}) do fits = fits and sample.labels[name] == text end
      if fits then return sample.value end
    end
  end

  it('are those of the documentation, well-formed, from the first moment on', function()
    for _ = 1, 2 do -- before anything has happened, and after
      local families, names = page(), documented()
      for name, family in pairs(families) do
        assert.is_truthy(names[name], name .. ' is not documented')
        assert.equal(names[name].type, family.type, name)
        for _, sample in ipairs(family.samples) do
          local labels = sample.suffix == '_bucket' and 'le' or names[name].labels
          assert.equal(labels, sample.names, name)
        end
        if family.type == 'histogram' then check_histogram(family) end
      end
      for name in pairs(names) do assert.is_truthy(families[name], name .. ' is not served') end
      local bid = dkjson.decode(server:post('/exoclick/bid?zone_id=1', banner).body).bid
      for _ = 1, 2 do assert.equal(200, server:get(bid.bUrl:match '/n/.*').status) end
      server:post('/exoclick/bid', '{')
      server:reload()
    end
  end)

  it('count what has happened', function()
    local bid
    for _ = 1, 40 do bid = dkjson.decode(server:post('/exoclick/bid?zone_id=1', banner).body).bid end
    for _ = 1, 3 do assert.equal(200, server:get(bid.bUrl:match '/n/.*').status) end -- two repeats
    assert.equal(302, server:get(bid.clickUrl:match '/k/.*').status)
    Server.poll('the click is counted', 10, function()
      return value(page().moonbid_clicks_total, { strategy = 'banner' }) == 1
    end)
    server:reload()
    local now = page()
    assert.equal(40, value(now.moonbid_requests_total, { endpoint = 'exoclick', outcome = 'bid' }))
    assert.equal(40, value(now.moonbid_bids_total, { strategy = 'banner' }))
    assert.equal(40, value(now.moonbid_nobids_total, { strategy = 'picky', reason = 'own:dull' }))
    assert.equal(40, value(now.moonbid_script_errors_total, { strategy = 'broken', kind = 'error' }))
    assert.equal(500000, value(now.moonbid_spend_nanos_total, { strategy = 'banner' }))
    assert.equal(2, value(now.moonbid_ledger_duplicates_total))
    assert.equal(1, value(now.moonbid_reloads_total, { outcome = 'unchanged' }))
    assert.equal(40, check_histogram(now.moonbid_request_seconds))
    assert.equal(9, check_histogram(now.moonbid_script_seconds)) -- calls 1, 17 and 33 of three strategies
    assert.is_true(check_histogram(now.moonbid_ledger_commit_seconds) >= 1)
    assert.is_true(value(now.moonbid_lua_bytes) > 10000)
    assert.is_true(value(now.moonbid_connections_accepted_total) >= 40)
    local rows = {}
    for _, row in ipairs(dkjson.decode(server:admin('GET', '/status').body).strategies) do rows[row.name] = row end
    assert.is_true(rows.banner.script_ns > 0 and rows.banner.script_ns < 1e9)
    assert.same({ 40, 40, 0 }, { rows.banner.bids, rows.picky.own_nobids.dull, rows.banner.wins })
    assert.is_nil(rows.broken.benched)
  end)
end)
