--- kit.lua - test a strategy with busted, on the engine that will run it.
--
--     local kit = require 'moonbid.kit'
--     local bidder = kit.load { scripts = 'scripts', only = { 'de_push' }, now = '2026-03-02T09:00:00Z',
--                               seed = 7, geo = { ['192.0.2.10'] = 'DE' } }
--     local answer = bidder:bid(kit.exoclick.push { ip = '192.0.2.10', tokens = { zone_id = '778899' } })
--     assert.bids(answer, { model = 'cpc' })
--
-- It runs the server's own C code and sandboxed Lua state inside the busted process: no socket, no file but the
-- scripts. Time stands still until bidder:advance, chance comes from `seed`, countries from `geo`. A spec that passes
-- means that the server does the same.
local core = require 'moonbid.core'
local json = require 'dkjson'

local kit = { exoclick = {}, xandr = {} }

local PHONE = 'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) '
  .. 'Chrome/124.0.0.0 Mobile Safari/537.36'

local UNITS = { s = 1000, m = 60 * 1000, h = 3600 * 1000, d = 24 * 3600 * 1000 }

-- '25h' -> milliseconds
local function duration_ms(text)
  local number, unit = tostring(text):match '^(%d+)([smhd])$'
  if not number then error(("not a duration such as '90s' or '25h': %s"):format(tostring(text)), 3) end
  return tonumber(number) * UNITS[unit]
end

-- '2026-03-02T09:00:00Z' (or milliseconds) -> milliseconds since the epoch, UTC
local function instant_ms(value)
  if type(value) == 'number' then return value end
  local year, month, day, hour, minute, second =
    tostring(value):match '^(%d%d%d%d)-(%d%d)-(%d%d)[T ](%d%d):(%d%d):?(%d*)Z?$'
  if not year then error(("not an instant such as '2026-03-02T09:00:00Z': %s"):format(tostring(value)), 3) end
  local y, m = tonumber(year), tonumber(month)
  if m <= 2 then y, m = y - 1, m + 12 end
  local days = 365 * y + math.floor(y / 4) - math.floor(y / 100) + math.floor(y / 400)
    + math.floor((153 * (m - 3) + 2) / 5) + tonumber(day) - 1 - 719468
  local seconds = (days * 24 + tonumber(hour)) * 3600 + tonumber(minute) * 60 + (tonumber(second) or 0)
  return seconds * 1000
end

-- A number that must keep every digit on the wire: a string of digits written without quotes.
local function digits(text)
  return setmetatable({}, { __tojson = function() return tostring(text) end })
end

local function merged(defaults, given)
  local out = {}
  for key, value in pairs(defaults) do out[key] = value end
  for key, value in pairs(given or {}) do out[key] = value end
  return out
end

local function urlencode(text)
  return (tostring(text):gsub('[^%w%-%._~]', function(c) return ('%%%02X'):format(c:byte()) end))
end

local function query_of(tokens)
  local names, parts = {}, {}
  for name in pairs(tokens or {}) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = urlencode(name) .. '=' .. urlencode(tokens[name]) end
  return #parts > 0 and table.concat(parts, '&') or nil
end

-- Requests --------------------------------------------------------------------------------------------------------

local exoclick_count = 0

-- `given` overrides any field of the request; `tokens` are parameters of the endpoint's URL, `path` its path.
local function exoclick(kind, extra)
  return function(given)
    given = given or {}
    exoclick_count = exoclick_count + 1
    local fields = merged({
      id = ('00000000-0000-4000-8000-%012d'):format(exoclick_count), type = kind, ip = '192.0.2.1', language = 'en',
      ua = PHONE, url = 'https://pub.example/page', user_id = '57592f333f8983.043587162282415065', export = 'json',
    }, merged(extra or {}, given))
    fields.tokens, fields.path = nil, nil
    return {
      method = 'POST', path = given.path or '/exoclick/bid', query = query_of(given.tokens),
      body = json.encode(fields), ip = fields.ip,
    }
  end
end

kit.exoclick.banner = exoclick('banner', { size = '300x250' })
kit.exoclick.popunder = exoclick 'popunder'
kit.exoclick.push = exoclick('push_notification', { size = '192x192' })
kit.exoclick.in_page_push = exoclick('in_page_push_notification', { size = '192x192' })
kit.exoclick.direct_link = exoclick 'direct_link'
kit.exoclick.email_click = exoclick 'email_click'

local xandr_count = 0

--- A platform bid request. Fields of `given`: `tags` (each a table of tag fields; ids as strings keep all digits),
-- `members` (ids), `bid_info`, `path`, and any other top-level field.
function kit.xandr.bid(given)
  given = given or {}
  local tags, members = {}, {}
  for i, tag in ipairs(given.tags or { {} }) do
    xandr_count = xandr_count + 1
    tags[i] = merged({
      auction_id_64 = ('90071992547%08d'):format(xandr_count), id = 550001, size = '300x250', sizes = { '300x250' },
      position = 'above', tag_format = 'iframe',
    }, tag)
    tags[i].auction_id_64 = digits(tags[i].auction_id_64)
  end
  for i, id in ipairs(given.members or { '4401' }) do members[i] = { id = digits(id) } end
  local fields = merged({ timestamp = '2026-03-02 09:00:00', bidder_timeout_ms = 100 }, given)
  fields.tags, fields.members, fields.path = tags, members, nil
  fields.bid_info = merged({
    user_id_64 = digits '9223372036854775806', ip_address = '192.0.2.1', country = 'DE', user_agent = PHONE,
    url = 'https://news.example/a', domain = 'news.example', selling_member_id = 310, within_iframe = false,
  }, given.bid_info)
  return { method = 'POST', path = (given.path or '/xandr') .. '/bid', body = json.encode { bid_request = fields } }
end

-- The bidder ------------------------------------------------------------------------------------------------------

local Bidder = {}
Bidder.__index = Bidder

--- Loads strategies. Options: `scripts` (folder), `only` (names), `now`, `seed`, `geo` (address -> country),
-- `config` (a config file; its endpoints and currencies count, its addresses and folders do not). Raises with every
-- load error, as `moonbid check` prints them.
function kit.load(options)
  local given = merged({ scripts = 'scripts', now = '2026-01-01T00:00:00Z', seed = 1 }, options)
  given.now = instant_ms(given.now)
  local engine, problem = core.new(given)
  if not engine then error('the scripts do not load:\n' .. problem, 2) end
  return setmetatable({ engine = engine }, Bidder)
end

local function split(decisions)
  local bids, nobids = {}, {}
  for _, decision in ipairs(decisions) do
    if decision.bid then
      bids[#bids + 1] = decision.bid
    else
      nobids[#nobids + 1] = decision
    end
  end
  return bids, nobids
end

--- Sends any request: `{ method, path, query, body, ip }`.
-- Gives `{ http = { status, body, content_type }, bids, nobids, decisions }`: `bids` are those that the answer carries, `nobids`
-- rows `{ strategy, imp_id, reason, problem }` of the strategies that did not bid.
function Bidder:send(request)
  local out = self.engine:handle(request.method, request.path, request.query, request.body or '', request.ip)
  local bids, nobids = split(out.decisions)
  return {
    http = { status = out.status, body = out.body, content_type = out.content_type },
    outcome = out.outcome, decisions = out.decisions, bids = bids, nobids = nobids, request = request,
  }
end

Bidder.bid = Bidder.send

local function bid_of(answer, index)
  local bid = answer.bids[index or 1]
  if not bid then error('the answer carries no such bid', 3) end
  return bid
end

--- Follows the notice URL that the engine put into the answer. `kind` is 'billing'; `query` optional ("p=0.3").
function Bidder:notice(answer, kind, query)
  if kind ~= 'billing' then error("the answers of this version carry the notice 'billing' only", 2) end
  local path = bid_of(answer).notice_url:match '^https?://[^/]+(/.*)$'
  return self:send { method = 'GET', path = path, query = query }
end

local function xandr_prefix(answer)
  return answer.request.path:gsub('/bid$', '')
end

--- Sends a Xandr notify for a bid of the answer. `fields.type` is won (default), lost, pending, ...; the other
-- fields go onto the tag as they are (`price_paid`, `creative_id`, ...). `fields.bid` picks a bid by number.
function Bidder:notify(answer, fields)
  fields = fields or {}
  local bid = bid_of(answer, fields.bid)
  local tag = merged({
    auction_id_64 = digits(bid.imp_id), notify_type = fields.type or 'won', member_id = digits(bid.member_id or '0'),
    price_paid = bid.price_wire, custom_notify_data = bid.notice_token,
  }, fields)
  tag.type, tag.bid = nil, nil
  if tag.notify_type ~= 'won' then tag.price_paid = fields.price_paid end
  local body = json.encode { notify_request = { timestamp = '2026-03-02 09:00:01', tags = { tag } } }
  return self:send { method = 'POST', path = xandr_prefix(answer) .. '/notify', body = body }
end

--- Sends a Xandr click for a bid of the answer; `fields` go into the click as they are.
function Bidder:click(answer, fields)
  local bid = bid_of(answer)
  local click = merged({
    timestamp = '2026-03-02 09:00:09', auction_id_64 = digits(bid.imp_id), member_id = digits(bid.member_id or '0'),
    user_id_64 = digits '9223372036854775806', referer_url = 'news.example', user_agent = PHONE, test = false,
    custom_notify_data = bid.notice_token,
  }, fields)
  return self:send {
    method = 'POST', path = xandr_prefix(answer) .. '/click', body = json.encode { click_request = click },
  }
end

--- Lets time pass: '90s', '15m', '25h', '7d'.
function Bidder:advance(duration)
  self.engine:now(self.engine:now() + duration_ms(duration))
end

--- Books `amount` (house currency) on a strategy, as if its events had cost that.
function Bidder:spend(strategy, amount)
  self.engine:spend(strategy, amount)
end

--- What a strategy has spent: in all, or in the current 'day' or 'hour'.
function Bidder:spent(strategy, period)
  return self.engine:spent(strategy, period or 'total')
end

--- Distinct events of a type ('billing', 'win', 'click', ...) that a strategy has had.
function Bidder:count(strategy, event)
  return self.engine:count(strategy, event)
end

--- Content hash of the loaded scripts.
function Bidder:version()
  return self.engine:version()
end

-- Assertions ------------------------------------------------------------------------------------------------------

local function reasons(answer)
  local rows = {}
  for i, row in ipairs(answer.nobids) do
    rows[i] = ('%s: %s%s'):format(row.strategy, row.reason, row.problem and ' (' .. row.problem .. ')' or '')
  end
  return #rows > 0 and table.concat(rows, ', ') or answer.outcome
end

local function matches(bid, expected)
  for key, value in pairs(expected or {}) do
    if bid[key] ~= value then
      return false, ('%s is %s, expected %s'):format(key, tostring(bid[key]), tostring(value))
    end
  end
  return true
end

local assert_lib = require 'luassert'
local say = require 'say'

-- assert.bids(answer, { model = 'cpc', price = 0.42 }): at least one bid has these values
local function bids(state, arguments)
  local answer, expected = arguments[1], arguments[2]
  local why
  for _, bid in ipairs(answer.bids) do
    local ok, difference = matches(bid, expected)
    if ok then return true end
    why = difference
  end
  state.failure_message = why and ('no bid as expected: ' .. why) or ('no bid: ' .. reasons(answer))
  return false
end

-- assert.nobids(answer, 'budget', strategy): no bid at all, and that reason among the strategies'
local function nobids(state, arguments)
  local answer, reason, strategy = arguments[1], arguments[2], arguments[3]
  if #answer.bids > 0 then
    state.failure_message = ('expected no bid, but %s bids %s'):format(answer.bids[1].strategy, answer.bids[1].price)
    return false
  end
  if not reason then return true end
  for _, row in ipairs(answer.nobids) do
    if row.reason == reason and (not strategy or row.strategy == strategy) then return true end
  end
  state.failure_message = ("expected no bid because of '%s', got %s"):format(reason, reasons(answer))
  return false
end

say:set('assertion.bids', 'expected a bid')
say:set('assertion.nobids', 'expected no bid')
assert_lib:register('assertion', 'bids', bids, 'assertion.bids', 'assertion.nobids')
assert_lib:register('assertion', 'nobids', nobids, 'assertion.nobids', 'assertion.bids')

return kit
