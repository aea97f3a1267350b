--- assertions.lua - what a spec may say of answers beside assert.bids and assert.nobids, which kit.lua has.
--
--     assert.answers(answer, { status = 200, bids = 1, body = '"price":0.9' })
--     assert.prices(bidder, { { kit.exoclick.push(), price = 0.42 }, { dear, nobid = 'dear' } })
--     assert.golden(answer, 'push-de')
local golden = require 'moonbid.kit.golden'
local assert_lib = require 'luassert'
local say = require 'say'

-- Raises where the caller of the assertion stands: it is no failed test, but a wrong call.
local function refuse(text, ...) error(text:format(...), 4) end

local function need_table(value, what)
  if type(value) ~= 'table' then refuse('%s is expected, got a %s', what, type(value)) end
end

local function need_answer(answer)
  need_table(answer, 'an answer of bidder:bid')
  if type(answer.http) ~= 'table' or type(answer.bids) ~= 'table' then refuse 'an answer of bidder:bid is expected, got a table' end
end

-- How each key of assert.answers is looked at: what the answer has, and whether that will do.
local function same(have, wanted) return have == wanted end
local function holds(have, wanted) return have:find(wanted, 1, true) ~= nil end
local ANSWERS = {
  status = { function(a) return a.http.status end, same },
  content_type = { function(a) return a.http.content_type end, same },
  outcome = { function(a) return a.outcome end, same },
  bids = { function(a) return #a.bids end, same },
  body = { function(a) return a.http.body end, holds },
  headers = { function(a) return a.http.headers or '' end, holds },
}

-- assert.answers(answer, 204) or (answer, { status, content_type, outcome, bids = how many, body = it has this, headers })
local function answers(state, arguments)
  local answer, expected = arguments[1], arguments[2]
  need_answer(answer)
  if type(expected) == 'number' then expected = { status = expected } end
  need_table(expected, 'a status or a table')
  local wrong = {}
  for key, wanted in pairs(expected) do
    local row = ANSWERS[key]
    if not row then refuse("an answer has no '%s'", tostring(key)) end
    if row[2] == holds and type(wanted) ~= 'string' then refuse('%s: a text is expected, got a %s', key, type(wanted)) end
    local have = row[1](answer)
    if not row[2](have, wanted) then
      local how = row[2] == holds and 'in it ' or ''
      wrong[#wrong + 1] = ('%s is %s, expected %s%s'):format(key, tostring(have), how, tostring(wanted))
    end
  end
  table.sort(wrong)
  state.failure_message = 'not answered as expected: ' .. table.concat(wrong, '; ')
  return #wrong == 0
end

-- What came of a row's request: "0.42", "0.42, 0.3", or "no bid: tea: dear".
local function outcome_of(answer)
  local parts = {}
  for i, bid in ipairs(answer.bids) do parts[i] = tostring(bid.price) end
  if #parts > 0 then return table.concat(parts, ', ') end
  for i, row in ipairs(answer.nobids) do parts[i] = row.strategy .. ': ' .. row.reason end
  return 'no bid: ' .. (#parts > 0 and table.concat(parts, ', ') or answer.outcome)
end

local function row_holds(answer, row)
  if row.nobid then
    for _, nobid in ipairs(answer.nobids) do
      if nobid.reason == row.nobid then return #answer.bids == 0 end
    end
    return false
  end
  for _, bid in ipairs(answer.bids) do
    if bid.price == row.price and (not row.strategy or bid.strategy == row.strategy) then return true end
  end
  return false
end

-- assert.prices(bidder, { { request, price = 0.42, strategy =, name = 'what it is' }, { request, nobid = 'dear' } }): all rows in
-- order, and all that are wrong are told, not the first alone.
local function prices(state, arguments)
  local bidder, rows = arguments[1], arguments[2]
  if type(bidder) ~= 'table' or type(bidder.bid) ~= 'function' then refuse 'a bidder of kit.load is expected' end
  need_table(rows, 'a list of rows')
  if #rows == 0 then refuse 'a list of rows is expected, got an empty one' end
  local wrong = {}
  for i, row in ipairs(rows) do
    if type(row) ~= 'table' or (type(row.price) == 'number') == (type(row.nobid) == 'string') then
      refuse('row %d: { request, price = NUMBER } or { request, nobid = REASON } is expected', i)
    end
    local answer = bidder:bid(row[1])
    if not row_holds(answer, row) then
      wrong[#wrong + 1] = ('\n  row %d%s: expected %s, got %s'):format(i, row.name and ' (' .. row.name .. ')' or '',
        row.nobid and "no bid because of '" .. row.nobid .. "'" or tostring(row.price), outcome_of(answer))
    end
  end
  state.failure_message = ('%d of %d prices are not as expected:%s'):format(#wrong, #rows, table.concat(wrong))
  return #wrong == 0
end

-- assert.golden(answer, 'name'): as it is kept in spec/golden/name.txt
local function is_golden(state, arguments)
  local answer, name = arguments[1], arguments[2]
  need_answer(answer)
  if type(name) ~= 'string' or not name:match '^[%w_%-]+$' then
    refuse('the name of a file is expected, of letters, digits, _ and -, got %s', tostring(name))
  end
  local problem = golden.check(answer, name)
  state.failure_message = problem
  return problem == nil
end

for name, check in pairs { answers = answers, prices = prices, golden = is_golden } do
  say:set('assertion.' .. name, 'not as expected')
  assert_lib:register('assertion', name, check, 'assertion.' .. name, 'assertion.' .. name)
end
