-- A ledger that was cut at random places: the start names it, and salvage keeps every record that is whole before the cut.
-- Which those are is counted here once more, by the published form of SQLite's files and nothing of ours.
-- MOONBID_CUTS: how many cuts (default 12).

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

local STRATEGIES = { ['banner.lua'] = [[
  return strategy { name = 'banner', bid = function(ctx, req)
    if req.site.id == '0' then return nobid 'zero' end
    return { price = 2.5, image_url = 'https://a.example/b.png', click_url = 'https://a.example/', creative_id = '12345',
      member_id = req.exchange == 'xandr' and '6' or nil } end }
]] }

local PAGE, EVENT_COLUMNS, COUNT_COLUMNS, SUM_COLUMNS = 4096, 38, 16, 7

local function number(text, at, bytes)
  local n = 0
  for i = at, at + bytes - 1 do n = n * 256 + text:byte(i) end
  return n
end

-- The number at `at` (from 1), and where the next thing begins.
local function varint(text, at)
  local n = 0
  for i = 0, 8 do
    local byte = text:byte(at + i)
    if not byte then return nil end
    if i == 8 then return n * 256 + byte, at + 9 end
    n = n * 128 + byte % 128
    if byte < 128 then return n, at + i + 1 end
  end
end

-- The payload of a record, or nil where it is not whole.
local function payload_of(file, page_at, cell)
  local size, at = varint(file, page_at + cell)
  if not size then return nil end
  local here = size
  if size > 1002 then
    here = 489 + (size - 489) % (PAGE - 4)
    if here > 1002 then here = 489 end
  end
  local parts = { file:sub(at, at + here - 1) }
  local left, next_at = size - here, at + here
  while left > 0 do
    if next_at + 3 > #file then return nil end
    local page = number(file, next_at, 4)
    local part = math.min(left, PAGE - 4)
    next_at = (page - 1) * PAGE + 1
    parts[#parts + 1] = file:sub(next_at + 4, next_at + 3 + part)
    left = left - part
  end
  local payload = table.concat(parts)
  return #payload == size and payload or nil
end

-- How many columns a record has, and the text of its first, where that is text.
local function look_at(payload)
  local header, at = varint(payload, 1)
  local kinds = {}
  while at <= header do kinds[#kinds + 1], at = varint(payload, at) end
  local first = kinds[1] > 12 and kinds[1] % 2 == 1 and payload:sub(header + 1, header + (kinds[1] - 13) / 2) or nil
  return #kinds, first
end

-- Whole records by their number of columns, and the keys of events.
local function whole_records(file)
  local counts, keys = {}, {}
  for page_at = PAGE + 1, #file, PAGE do
    local kind = file:byte(page_at)
    local header = kind == 10 and 8 or kind == 2 and 12
    local cells = header and page_at + header - 1 <= #file and number(file, page_at + 3, 2) or 0
    for i = 0, cells - 1 do
      local pointer = page_at + header + 2 * i
      local payload = pointer + 1 <= #file and payload_of(file, page_at, number(file, pointer, 2) + (kind == 2 and 4 or 0))
      if payload then
        local columns, key = look_at(payload)
        counts[columns] = (counts[columns] or 0) + 1
        if columns == EVENT_COLUMNS then keys[key] = true end
      end
    end
  end
  return counts, keys
end

local function size(set)
  local n = 0
  for _ in pairs(set) do n = n + 1 end
  return n
end

describe('a ledger that was cut', function()
  local server, data, whole
  local banner = Server.shared_data 'exoclick-samples/banner-300x250.json'
  local xandr = Server.shared_data 'xandr-samples/bid-request.bid_request.1.json'

  setup(function()
    server = Server.start { strategies = STRATEGIES }
    local long = ([[{"notify_request":{"timestamp":"2026-03-02 09:00:00","tags":[{"id":13,"auction_id_64":%d,
      "notify_type":"lost","full_tag_info":{"x":"%s"}}]}}]])
    for i = 1, 60 do
      local path = dkjson.decode(server:post('/exoclick/bid', banner).body).bid.bUrl:match '/n/.*'
      assert.equal(200, server:get(path).status)
      assert.equal(200, server:post('/xandr/bid', xandr).status)
      assert.equal(200, server:post('/xandr/notify', long:format(i, ('y'):rep(i * 200))).status)
    end
    server:finish 'keep'
    data = server.folder .. '/data'
    whole = Server.read_file(data .. '/ledger.db')
    math.randomseed(7)
  end)

  teardown(function() os.execute('rm -rf ' .. server.folder) end)

  local function cut_to(bytes)
    os.execute(('rm -rf %s/ledger*'):format(data))
    Server.write_file(data .. '/ledger.db', whole:sub(1, bytes))
    local output, status = Server.run(('serve --config %s/moonbid.conf.lua'):format(server.folder))
    assert.equal(3, status, bytes)
    assert.matches(data .. '/ledger.db: ', output, 1, true)
    assert.matches('moonbid ledger salvage', output, 1, true)
    assert.equal(1, select(2, output:gsub('moonbid: ', '')))
  end

  it('keeps each record that is whole, and no other', function()
    local counts, known = whole_records(whole)
    assert.equal(120, size(known))
    assert.is_true(counts[COUNT_COLUMNS] > 0)
    for _ = 1, tonumber(os.getenv 'MOONBID_CUTS') or 12 do
      local bytes = math.random(1, #whole - 1)
      cut_to(bytes)
      local expected, keys = whole_records(whole:sub(1, bytes))
      local output, status = Server.run('ledger salvage --data ' .. data)
      if next(keys) == nil then
        assert.equal(3, status, output)
      else
        assert.equal(0, status, output)
        assert.equal(size(keys), tonumber(output:match '^%d+'), bytes)
        assert(os.rename(data .. '/ledger.salvaged.db', data .. '/ledger.db'))
        local spend = 0
        for line in Server.run('ledger dump --data ' .. data):gmatch '[^\n]+' do
          local event = dkjson.decode(line)
          assert.is_true(keys[event.key] and known[event.key], event.key)
          keys[event.key] = nil
          spend = spend + (event.cost_nanos or 0)
        end
        assert.equal(nil, (next(keys)))
        local saved = whole_records(Server.read_file(data .. '/ledger.db'))
        for columns, count in pairs(expected) do
          if columns ~= SUM_COLUMNS then assert.equal(count, saved[columns], columns .. ' columns') end -- sums are made anew
        end
        local report = dkjson.decode((Server.run('report --format json --data ' .. data)))
        assert.equal(spend, report.rows[1] and report.rows[1].spend_nanos or 0)
      end
    end
  end)

  it('to nothing is not taken for a new one', function()
    cut_to(0)
    local output, status = Server.run('ledger salvage --data ' .. data)
    assert.equal(3, status)
    assert.matches('nothing in it can be read', output, 1, true)
    os.execute(('rm -rf %s/ledger*'):format(data))
    Server.write_file(data .. '/ledger.db-wal', whole) -- the log of a ledger that is gone
    output, status = Server.run(('serve --config %s/moonbid.conf.lua'):format(server.folder))
    assert.equal(3, status)
    assert.matches(data .. '/ledger.db: ', output, 1, true)
  end)
end)
