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

local kit = { exoclick = {}, xandr = {}, openrtb = {} }

local PHONE = 'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) '
  .. 'Chrome/124.0.0.0 Mobile Safari/537.36'

local UNITS = { s = 1000, m = 60 * 1000, h = 3600 * 1000, d = 24 * 3600 * 1000 }

-- '25h' -> milliseconds
local function duration_ms(text)
  local number, unit = (type(text) == 'string' and text or ''):match '^(%d+)([smhd])$'
  if not number then error(("not a duration such as '90s' or '25h': %s"):format(tostring(text)), 3) end
  return tonumber(number) * UNITS[unit]
end

local MONTH_DAYS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function month_days(year, month)
  local leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  return month == 2 and leap and 29 or MONTH_DAYS[month] or 0
end

-- Days from 1970-01-01 to a date of the Gregorian calendar.
local function days_since_epoch(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  return 365 * year + math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
    + math.floor((153 * (month - 3) + 2) / 5) + day - 1 - 719468
end

-- '2026-03-02T09:00:00Z' (or milliseconds) -> milliseconds since the epoch, UTC
local function instant_ms(value)
  if type(value) == 'number' and value >= 0 and value < 2 ^ 53 then return math.floor(value) end
  local parts = {
    (type(value) == 'string' and value or ''):match '^(%d%d%d%d)-(%d%d)-(%d%d)[T ](%d%d):(%d%d):?(%d*)Z?$',
  }
  for i, part in ipairs(parts) do parts[i] = tonumber(part) or 0 end
  local year, month, day, hour, minute, second = unpack(parts)
  if not year or year < 1970 or day < 1 or day > month_days(year, month) or hour > 23 or minute > 59 or second > 59 then
    error(("not an instant such as '2026-03-02T09:00:00Z': %s"):format(tostring(value)), 3)
  end
  return (days_since_epoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) * 1000
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
-- A German phone, as the contract's own example of a spec takes it for granted.
kit.exoclick.push = exoclick('push_notification', { size = '192x192', language = 'de' })
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

-- The same with one tag of a kind; `tag` has fields of the tag, which replace the builder's.
local function xandr_tag(defaults)
  return function(given)
    local fields = merged({}, given)
    fields.tags, fields.tag = { merged(defaults, fields.tag) }, nil
    return kit.xandr.bid(fields)
  end
end

-- What a tag allows, by the exchange's numbers.
kit.xandr.banner = xandr_tag { allowed_media_types = { 1 } }
kit.xandr.video = xandr_tag { tag_format = 'vast', allowed_media_types = { 4 }, size = '640x480', sizes = { '640x480' } }
kit.xandr.native = xandr_tag { allowed_media_types = { 12 } }

local openrtb_count = 0

-- One impression of a media type. Fields of `given`: `imp` (fields of the impression), the media type's own fields under its
-- name (`banner = { w = 728, h = 90 }`), `tokens`, `path`, and any other top-level field, which replaces the builder's.
local function openrtb(media, defaults)
  return function(given)
    given = given or {}
    openrtb_count = openrtb_count + 1
    local imp = merged({ id = '1', secure = 1 }, given.imp)
    if media == 'imp' then imp = merged(defaults, imp) else imp[media] = merged(defaults, given[media]) end
    local fields = merged({
      id = ('%032d'):format(openrtb_count), at = 1, cur = { 'USD' },
      site = { id = '102855', domain = 'pub.example', page = 'https://pub.example/page' },
      device = { ip = '192.0.2.1', ua = PHONE, language = 'en', geo = { country = 'DEU' } }, user = { id = 'u-1' },
    }, given)
    fields[media], fields.tokens, fields.path = nil, nil, nil
    fields.imp = { imp }
    return { method = 'POST', path = given.path or '/openrtb/bid', query = query_of(given.tokens), body = json.encode(fields) }
  end
end

kit.openrtb.banner = openrtb('banner', { w = 300, h = 250 })
kit.openrtb.video = openrtb('video', { w = 640, h = 480, mimes = { 'video/mp4' }, protocols = { 2, 3 } })
kit.openrtb.audio = openrtb('audio', { mimes = { 'audio/mp4' } })
kit.openrtb.native = openrtb('native', { ver = '1.2', request = json.encode { ver = '1.2', assets = {
  { id = 1, required = 1, title = { len = 90 } }, { id = 2, img = { type = 3 } }, { id = 3, data = { type = 2 } },
} } })

-- ExoClick's dialect, hence at an endpoint with `dialect = 'exoclick'`: a full screen without a media type, and e-mail.
kit.openrtb.popunder = openrtb('imp', { instl = 1 })
kit.openrtb.email_click = openrtb('imp', { el = 'reader@mail.example' })

-- The bidder ------------------------------------------------------------------------------------------------------

local Bidder = {}
Bidder.__index = Bidder

local ONLY_MAX = 64 -- what the core takes

-- How each option is judged: nil, or what was expected instead.
local OPTIONS = {
  scripts = function(value) return type(value) ~= 'string' and 'a folder' or nil end,
  candidates = function(value) return type(value) ~= 'string' and 'a folder' or nil end,
  config = function(value) return type(value) ~= 'string' and 'a file' or nil end,
  now = function() end, -- instant_ms looks at it
  cost = function(value) return type(value) ~= 'boolean' and 'true or false' or nil end,
  seed = function(value)
    local good = type(value) == 'number' and value >= 0 and value < 2 ^ 53 and value == math.floor(value)
    return not good and 'a number, whole and not below 0' or nil
  end,
  only = function(value)
    local good = type(value) == 'table' and #value >= 1 and #value <= ONLY_MAX
    for _, name in ipairs(good and value or {}) do good = good and type(name) == 'string' end
    return not good and ('a list of names, 1 to %d'):format(ONLY_MAX) or nil
  end,
  market = function(value)
    local good = type(value) == 'table'
    for _, row in ipairs(good and value or {}) do good = good and type(row) == 'table' and type(row.rates) == 'table' end
    return not good and "a list such as { { endpoint = 'exo', format = 'banner', rates = { [0.5] = 0.3 } } }" or nil
  end,
  geo = function(value)
    if type(value) ~= 'table' then return "a table such as { ['192.0.2.10'] = 'DE' }" end
    for address, country in pairs(value) do
      local text = tostring(address)
      local good = text:match '^%d+%.%d+%.%d+%.%d+$' or text:match '^%x*:[%x:.]*$'
      if not good then return "an address such as '192.0.2.10' as the key, not " .. text end
      if type(country) ~= 'string' or not country:match '^%u%u$' then return "two letters such as 'DE' for " .. text end
    end
  end,
}

local function check_options(options)
  if options ~= nil and type(options) ~= 'table' then
    error('kit.load: a table of options is expected, got a ' .. type(options), 3)
  end
  for key, value in pairs(options or {}) do
    local judge = OPTIONS[key]
    if not judge then error(("kit.load: unknown option '%s'"):format(tostring(key)), 3) end
    local expected = judge(value)
    if expected then error(("kit.load: option '%s': expected %s, got a %s"):format(key, expected, type(value)), 3) end
  end
end

--- Loads strategies. Options: `scripts` (folder), `only` (names), `now`, `seed`, `geo` (address -> country), `market` (rows
-- as Bidder:market takes them), `config` (a config file; its endpoints and currencies count, its addresses and folders do
-- not), `candidates` (a second scripts folder, all shadows: shadow.scripts of the config), `cost` (kit.cost can tell; lines of
-- log.* are kept back then). Raises with every load error, as `moonbid check`
-- prints them.
function kit.load(options)
  check_options(options)
  local given = merged({ scripts = 'scripts', now = '2026-01-01T00:00:00Z', seed = 1 }, options)
  given.now = instant_ms(given.now)
  local engine, problem = core.new(given)
  if not engine then error('the scripts do not load:\n' .. problem, 2) end
  for _, name in ipairs(given.only or {}) do
    if not engine:has(name) then error(("kit.load: option 'only': no strategy '%s' in %s"):format(name, given.scripts), 2) end
  end
  local bidder = setmetatable({ engine = engine }, Bidder)
  for _, row in ipairs(given.market or {}) do bidder:market(row) end
  return bidder
end

--- Decides the requests of a recording (or a list of recordings) again, as they were: the same bytes, counters and chance.
-- Options: `scripts`, `config`. Gives `{ requests, decisions, identical, changed }`: `changed` has a row
-- `{ count, examples }` for each strategy that decides otherwise than recorded, so that a test may say
--
--     assert.same({}, kit.replay('spec/fixtures/monday.ndjson.gz').changed)
function kit.replay(file, options)
  for key, value in pairs(options or {}) do
    if key ~= 'scripts' and key ~= 'config' then error(("kit.replay: unknown option '%s'"):format(tostring(key)), 2) end
    if type(value) ~= 'string' then error(("kit.replay: option '%s': expected a path"):format(key), 2) end
  end
  local files = type(file) == 'table' and file or { file }
  if #files == 0 then error('kit.replay: a recording is expected', 2) end
  for _, name in ipairs(files) do
    if type(name) ~= 'string' then error('kit.replay: the path of a recording is expected, got a ' .. type(name), 2) end
  end
  local given = merged({ scripts = 'scripts' }, options)
  given.files = files
  local result, problem = core.replay(given)
  if not result then error('the recording cannot be decided again: ' .. problem, 2) end
  return result
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
-- Gives `{ http = { status, body, content_type, headers }, bids, nobids, decisions }`: `bids` are those that the answer
-- carries, `nobids` rows `{ strategy, imp_id, reason, problem }` of the strategies that did not bid.
function Bidder:send(request)
  local good = type(request) == 'table' and type(request.method) == 'string' and type(request.path) == 'string'
    and (request.body == nil or type(request.body) == 'string')
  if not good then error('a request such as kit.exoclick.push {} or { method, path, query, body } is expected', 2) end
  local out = self.engine:handle(request.method, request.path, request.query, request.body or '', request.ip)
  local bids, nobids = split(out.decisions)
  return {
    http = { status = out.status, body = out.body, content_type = out.content_type, headers = out.headers },
    outcome = out.outcome, decisions = out.decisions, bids = bids, nobids = nobids, request = request,
    fetches = out.fetches, costs = out.costs,
  }
end

Bidder.bid = Bidder.send

-- Why there is no bid, a strategy each.
local function reasons(answer)
  local rows = {}
  for i, row in ipairs(answer.nobids) do
    rows[i] = ('%s: %s%s'):format(row.strategy, row.reason, row.problem and ' (' .. row.problem .. ')' or '')
  end
  return #rows > 0 and table.concat(rows, ', ') or answer.outcome
end

local function check_answer(answer, level)
  if type(answer) ~= 'table' or type(answer.bids) ~= 'table' or type(answer.nobids) ~= 'table' then
    error('an answer of bidder:bid is expected, got a ' .. type(answer), level + 1)
  end
end

--- Bytes of Lua memory that the calls of `bid` have allocated for an answer: all, or those of one strategy. It is the
-- same in each run of a spec. A strategy's first call pays for texts that later ones find; ask after a second one.
function kit.cost(answer, strategy)
  check_answer(answer, 2)
  if not answer.costs then error('kit.load { cost = true } measures; this bidder does not', 2) end
  local bytes, found = 0, strategy == nil
  for _, row in ipairs(answer.costs) do
    if strategy == nil or row.strategy == strategy then bytes, found = bytes + row.bytes, true end
  end
  if not found then error(("no call of a strategy '%s' in this answer"):format(tostring(strategy)), 2) end
  return bytes
end

local function bid_of(answer, index)
  check_answer(answer, 3)
  local bid = answer.bids[index or 1]
  if bid then return bid end
  if #answer.bids == 0 then error('the answer carries no bid: ' .. reasons(answer), 3) end
  error(('the answer carries no bid %s, it has %d'):format(tostring(index), #answer.bids), 3)
end

-- Where a bid has the URL of each kind; 'win' and 'loss' on OpenRTB only.
local NOTICES = { billing = 'notice_url', win = 'win_notice', loss = 'loss_notice', impression = 'impression_url' }

--- Follows the notice URL that the engine put into the answer. `kind` is 'billing', on OpenRTB also 'win'
-- and 'loss', and 'impression' where the strategy tracks those; `query` is what the exchange fills in ("p=0.3"). The
-- answer's `fetches` are the strategy's own URLs that the server would call now.
function Bidder:notice(answer, kind, query)
  local field = NOTICES[kind]
  if not field then error(("a notice is 'billing', 'win', 'loss' or 'impression', got %s"):format(tostring(kind)), 2) end
  local bid = bid_of(answer)
  local url = bid[field]
  if not url and kind == 'impression' then error('no image of ours tells of this bid\'s impression', 2) end
  if not bid.notice_url and not url then
    error('this bid carries no notice URL; its exchange sends notify and click requests', 2)
  end
  if not url then error(("this bid carries the notice 'billing' only, its exchange knows no '%s'"):format(kind), 2) end
  local path, own = url:match '^https?://[^/]+(/[^?]*)%??(.*)$' -- `own`: the strategy's URL, which travels along
  own = own:gsub('&%w+=%${[%w_]+}', '') -- macros are the exchange's, hence `query`'s, to fill
  if own ~= '' then query = query and own .. '&' .. query or own end
  return self:send { method = 'GET', path = path, query = query }
end

local function xandr_prefix(answer)
  return (answer.request.path:gsub('/bid$', ''))
end

-- A bid of an answer to Xandr, which is known by its token: ExoClick's bids have a URL instead.
local function xandr_bid_of(answer, index)
  local bid = bid_of(answer, index)
  if bid.notice_url then error("only Xandr's endpoints take notify and click requests", 3) end
  return bid
end

--- Sends a Xandr notify for a bid of the answer. `fields.type` is won (default), lost, pending, ...; the other
-- fields go onto the tag as they are (`price_paid`, `creative_id`, ...). `fields.bid` picks a bid by number.
function Bidder:notify(answer, fields)
  fields = fields or {}
  local bid = xandr_bid_of(answer, fields.bid)
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
  local bid = xandr_bid_of(answer)
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

local function check_strategy(bidder, name)
  if type(name) ~= 'string' or not bidder.engine:has(name) then
    error(("no loaded strategy '%s'"):format(tostring(name)), 3)
  end
end

--- Books `amount` (house currency) on a strategy, as if its events had cost that.
function Bidder:spend(strategy, amount)
  check_strategy(self, strategy)
  if type(amount) ~= 'number' or not (amount >= 0 and amount < math.huge) then
    error('not an amount of money: ' .. tostring(amount), 2)
  end
  self.engine:spend(strategy, amount)
end

--- What ctx.win_rate and ctx.price_for know: `{ endpoint, format, size, site, model, rates, bids }`. `rates` says which part
-- of bids at a price win (`{ [0.5] = 0.2, [1] = 0.6 }`), `bids` how many were made at each (1000); `model` is 'cpm' or 'cpc'.
-- A site is known in its size. Bids and notices of the test itself are learned from as well.
function Bidder:market(row)
  local bids = row.bids or 1000
  local place = { endpoint = row.endpoint, format = row.format, size = row.size, site = row.site, model = row.model or 'cpm' }
  for price, rate in pairs(row.rates) do
    local good = type(price) == 'number' and type(rate) == 'number' and rate >= 0 and rate <= 1
    if not good then error('market: a price and the part that wins are expected, such as [0.5] = 0.3', 2) end
    self.engine:market(place, price, bids, bids * rate)
  end
end

--- What a strategy with shadow = true, or a candidate by its name (shadow:NAME), would have done: `asked`, `bids`, `wins`,
-- `spend`, ..., as docs/strategies.md names them. Here it sees every request.
function Bidder:shadow(strategy)
  check_strategy(self, strategy)
  return self.engine:shadow(strategy)
end

local PERIODS = { total = true, day = true, hour = true }

--- What a strategy has spent: in all, or in the current 'day' or 'hour'.
function Bidder:spent(strategy, period)
  check_strategy(self, strategy)
  if period ~= nil and not PERIODS[period] then
    error(("a period is 'total', 'day' or 'hour', got %s"):format(tostring(period)), 2)
  end
  return self.engine:spent(strategy, period or 'total')
end

--- Distinct events of a type ('billing', 'win', 'click', ...) that a strategy has had.
function Bidder:count(strategy, event)
  check_strategy(self, strategy)
  local count = type(event) == 'string' and self.engine:count(strategy, event)
  if not count then error(("no such event: '%s'"):format(tostring(event)), 2) end
  return count
end

--- Content hash of the loaded scripts.
function Bidder:version()
  return self.engine:version()
end

-- Assertions ------------------------------------------------------------------------------------------------------

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
  check_answer(answer, 3)
  if expected ~= nil and type(expected) ~= 'table' then
    error('a table of fields is expected, got a ' .. type(expected), 3)
  end
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
  check_answer(answer, 3)
  if reason ~= nil and type(reason) ~= 'string' then error('a reason is expected, got a ' .. type(reason), 3) end
  if #answer.bids > 0 then
    state.failure_message = ('expected no bid, but %s bids %s'):format(answer.bids[1].strategy, answer.bids[1].price)
    return false
  end
  if not reason then return true end
  for _, row in ipairs(answer.nobids) do
    if row.reason == reason and (not strategy or row.strategy == strategy) then return true end
  end
  local whose = strategy and (" of '%s'"):format(strategy) or ''
  state.failure_message = ("expected no bid%s because of '%s', got %s"):format(whose, reason, reasons(answer))
  return false
end

say:set('assertion.bids', 'expected a bid')
say:set('assertion.nobids', 'expected no bid')
assert_lib:register('assertion', 'bids', bids, 'assertion.bids', 'assertion.nobids')
assert_lib:register('assertion', 'nobids', nobids, 'assertion.nobids', 'assertion.bids')
require 'moonbid.kit.assertions' -- answers, prices, golden

return kit
