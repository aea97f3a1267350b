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
--
-- The ---@ lines are for editors that use the Lua language server, as in types.lua.
local core = require 'moonbid.core'
local json = require 'dkjson'
local requests = require 'moonbid.kit.requests'
local values = require 'moonbid.kit.values'

local digits, merged = values.digits, values.merged

local kit = { exoclick = requests.exoclick, xandr = requests.xandr, openrtb = requests.openrtb }

-- The bidder ------------------------------------------------------------------------------------------------------

---@class moonbid.kit.Request
---@field method string
---@field path string
---@field query? string
---@field body? string
---@field ip? string of the connection

---@class moonbid.kit.Answer
---@field http { status: integer, body: string, content_type: string?, headers: string? }
---@field outcome string 'bid', or why there is none
---@field bids table[] those that the answer carries, with the fields of moonbid.Bid, `strategy`, `imp_id` and `id`
---@field nobids { strategy: string, imp_id: string, reason: string, problem: string? }[] strategies that did not bid
---@field decisions table[] all of both
---@field request moonbid.kit.Request
---@field fetches? table[] the strategy's own URLs that the server would call now
---@field costs? { strategy: string, bytes: integer }[]

---@class moonbid.kit.Market
---@field endpoint string
---@field format moonbid.Format
---@field size? string '300x250'
---@field site? string
---@field model? moonbid.Model
---@field rates table<number, number> price -> part of the bids at it that win
---@field bids? integer made at each price; 1000

---@class moonbid.kit.Options
---@field scripts? string folder; 'scripts'
---@field only? string[] names of strategies
---@field now? string|integer '2026-03-02T09:00:00Z'
---@field seed? integer
---@field geo? table<string, string> address -> country
---@field market? moonbid.kit.Market[]
---@field config? string a config file
---@field candidates? string a second scripts folder, all shadows
---@field cost? boolean kit.cost can tell

---@class moonbid.kit.Replayed
---@field requests integer
---@field decisions integer
---@field identical integer
---@field changed table<string, { count: integer, examples: string[] }> by strategy

---@class moonbid.kit.Bidder
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
---@param options? moonbid.kit.Options
---@return moonbid.kit.Bidder
function kit.load(options)
  check_options(options)
  local given = merged({ scripts = 'scripts', now = '2026-01-01T00:00:00Z', seed = 1 }, options)
  given.now = values.instant_ms(given.now)
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
---@param file string|string[]
---@param options? { scripts: string?, config: string? }
---@return moonbid.kit.Replayed
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
---@param request moonbid.kit.Request
---@return moonbid.kit.Answer
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

--- The same, by its usual name.
---@type fun(self: moonbid.kit.Bidder, request: moonbid.kit.Request): moonbid.kit.Answer
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
---@param answer moonbid.kit.Answer
---@param strategy? string
---@return integer bytes
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
---@param answer moonbid.kit.Answer
---@param kind 'billing'|'win'|'loss'|'impression'
---@param query? string
---@return moonbid.kit.Answer
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
---@param answer moonbid.kit.Answer
---@param fields? table
---@return moonbid.kit.Answer
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
---@param answer moonbid.kit.Answer
---@param fields? table
---@return moonbid.kit.Answer
function Bidder:click(answer, fields)
  local bid = xandr_bid_of(answer)
  local click = merged({
    timestamp = '2026-03-02 09:00:09', auction_id_64 = digits(bid.imp_id), member_id = digits(bid.member_id or '0'),
    user_id_64 = digits '9223372036854775806', referer_url = 'news.example', user_agent = requests.PHONE, test = false,
    custom_notify_data = bid.notice_token,
  }, fields)
  return self:send {
    method = 'POST', path = xandr_prefix(answer) .. '/click', body = json.encode { click_request = click },
  }
end

--- Lets time pass: '90s', '15m', '25h', '7d'.
---@param duration string
function Bidder:advance(duration)
  self.engine:now(self.engine:now() + values.duration_ms(duration))
end

local function check_strategy(bidder, name)
  if type(name) ~= 'string' or not bidder.engine:has(name) then
    error(("no loaded strategy '%s'"):format(tostring(name)), 3)
  end
end

--- Books `amount` (house currency) on a strategy, as if its events had cost that.
---@param strategy string
---@param amount number
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
---@param row moonbid.kit.Market
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
---@param strategy string
---@return table<string, number>
function Bidder:shadow(strategy)
  check_strategy(self, strategy)
  return self.engine:shadow(strategy)
end

local PERIODS = { total = true, day = true, hour = true }

--- What a strategy has spent: in all, or in the current 'day' or 'hour'.
---@param strategy string
---@param period? 'total'|'day'|'hour'
---@return number amount in house currency
function Bidder:spent(strategy, period)
  check_strategy(self, strategy)
  if period ~= nil and not PERIODS[period] then
    error(("a period is 'total', 'day' or 'hour', got %s"):format(tostring(period)), 2)
  end
  return self.engine:spent(strategy, period or 'total')
end

--- Distinct events of a type ('billing', 'win', 'click', ...) that a strategy has had.
---@param strategy string
---@param event string
---@return integer
function Bidder:count(strategy, event)
  check_strategy(self, strategy)
  local count = type(event) == 'string' and self.engine:count(strategy, event)
  if not count then error(("no such event: '%s'"):format(tostring(event)), 2) end
  return count
end

--- Content hash of the loaded scripts.
---@return string
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
