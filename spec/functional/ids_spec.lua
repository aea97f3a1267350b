-- Ids keep every digit all the way: request, strategy, answer, the token of the notice, the notice, the ledger, the report.
-- Also those beyond 2^53, which a double rounds, and those that mean "nobody" (0, -1), as numbers and as strings.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

-- `want`, a parameter of the bid URL, is the id as text. `bid` compares it with all that it sees, and says in `data`, hence
-- in the ledger, what differs; `on_notify` says in the log what it sees. A strategy an endpoint, since one may write twenty
-- lines a second. `case` finds the bid's line in the ledger.
local STRATEGIES = [[
local NOBODY = { ['0'] = true, ['-1'] = true }

local function difference(req, imp)
  local want, tag = req.tokens.want, req.raw.bid_request and req.raw.bid_request.tags[1]
  local seen = { request = req.id, imp = imp.id, raw = tag and tag.auction_id_64 or req.raw.id }
  if req.exchange ~= 'exoclick' or req.raw.imp then seen.tag = imp.tag_id or 'none' else seen.sub = req.site.sub or 'none' end
  if NOBODY[want] then seen.user = req.user.id == nil and want else seen.user = req.user.id or 'none' end
  for name, value in pairs(seen) do
    if value ~= want then return name .. ' ' .. tostring(value) end
  end
  return 'same'
end

local function echo(endpoint)
  return strategy {
    name = 'echo_' .. endpoint:gsub('-', '_'), target = { endpoint = { endpoint } },
    bid = function(ctx, req, imp)
      return {
        price = 1, image_url = 'https://c.example/', click_url = 'https://go.example/?r={request_id}&i={imp_id}',
        creative_id = '9007199254740993', data = req.tokens.case .. ' ' .. difference(req, imp),
      }
    end,
    on_notify = function(ctx, event)
      log.info('%s saw %s %s %s', event.data, event.type, event.auction_id, event.imp_id)
    end,
  }
end

return { echo 'exoclick', echo 'xandr', echo 'openrtb', echo 'xandr-openrtb', echo 'exoclick-openrtb' }
]]

local IDS = { '9007199254740993', '9223372036854775807', '-1', '0' }
local FORMS = { number = '%s', string = '"%s"' }

local OPENRTB = '{"id":%s,"imp":[{"id":%s,"tagid":%s,"banner":{"w":300,"h":250}}],"site":{"id":%s},"user":{"id":%s}}'

-- With what the exchange fills in.
local function notice_path(url)
  return (url:gsub('^https?://[^/]+', ''):gsub('%${AUCTION_PRICE}', '0.5'):gsub('%${AUCTION_CURRENCY}', 'USD'))
end

local function fetch(url)
  return function(server) return server:get(notice_path(url)) end
end

local function openrtb_answer(key)
  return function(body, digits)
    local document = dkjson.decode(body)
    assert.equal(digits, document.id)
    local bid = document.seatbid[1].bid[1]
    assert.equal(digits, bid.impid)
    assert.equal('9007199254740993', bid.crid)
    return fetch(bid[key])
  end
end

-- How an exchange writes its request (`%s` is the id, each time), and what its answer must hold; gives the call that tells
-- of the impression.
local WAYS = {
  { name = 'ExoClick', path = '/exoclick/bid', event = 'billing',
    body = '{"id":%s,"type":"banner","size":"300x250","ip":"192.0.2.1","ua":"UA","export":"json","sub":%s,"user_id":%s}',
    answer = function(body, digits)
      assert.matches('{"bid":{"id":"' .. digits .. '",', body, 1, true)
      local bid = dkjson.decode(body).bid
      assert.equal(('https://go.example/?r=%s&i=%s'):format(digits, digits), bid.clickUrl)
      return fetch(bid.bUrl)
    end },
  { name = 'Xandr', path = '/xandr/bid', event = 'win',
    body = '{"bid_request":{"members":[{"id":4401}],"tags":[{"auction_id_64":%s,"id":%s,"site_id":%s,"size":"300x250"}],'
      .. '"bid_info":{"user_id_64":%s}}}',
    answer = function(body, digits, form)
      assert.matches('"auction_id_64":' .. digits .. ',', body, 1, true)
      assert.matches('"creative_id":9007199254740993', body, 1, true)
      local token = dkjson.decode(body).bid_response.responses[1].custom_notify_data
      return function(server)
        return server:post('/xandr/notify', ('{"notify_request":{"tags":[{"notify_type":"won","auction_id_64":%s,'
          .. '"price_paid":0.5,"custom_notify_data":"%s"}]}}'):format(form:format(digits), token))
      end
    end },
  { name = 'Xandr, where the notice names no auction', path = '/xandr/bid', event = 'win',
    body = '{"bid_request":{"members":[{"id":4401}],"tags":[{"auction_id_64":%s,"id":%s,"site_id":%s,"size":"300x250"}],'
      .. '"bid_info":{"user_id_64":%s}}}',
    answer = function(body)
      local token = dkjson.decode(body).bid_response.responses[1].custom_notify_data
      return function(server)
        return server:post('/xandr/notify', ('{"notify_request":{"tags":[{"notify_type":"won","price_paid":0.5,'
          .. '"custom_notify_data":"%s"}]}}'):format(token))
      end
    end },
  { name = 'OpenRTB', path = '/openrtb/bid', body = OPENRTB, event = 'billing',
    answer = openrtb_answer 'burl' },
  { name = "Xandr's OpenRTB", path = '/xandr-openrtb/bid', body = OPENRTB, event = 'win',
    answer = openrtb_answer 'nurl' },
  { name = "ExoClick's OpenRTB", path = '/exoclick/openrtb', body = OPENRTB, event = 'billing',
    answer = openrtb_answer 'burl' },
}

local ENDPOINTS = [[
  endpoints = {
    { name = 'exoclick', path = '/exoclick/bid', exchange = 'exoclick', currency = 'USD' },
    { name = 'xandr', path = '/xandr', exchange = 'xandr' },
    { name = 'openrtb', path = '/openrtb/bid', exchange = 'openrtb' },
    { name = 'xandr-openrtb', path = '/xandr-openrtb/bid', exchange = 'openrtb', dialect = 'xandr', member = '4401' },
    { name = 'exoclick-openrtb', path = '/exoclick/openrtb', exchange = 'openrtb', dialect = 'exoclick' },
  },
]]

describe('an id of 64 bits', function()
  local server
  setup(function() server = Server.start { strategies = { ['echo.lua'] = STRATEGIES }, config = ENDPOINTS } end)
  teardown(function() server:finish() end)

  -- The one event in the ledger of the bid of this case.
  local function event_of(case)
    local found = {}
    for line in server:ledger():gmatch '[^\n]+' do
      local event = dkjson.decode(line)
      if event.data:match '%S+' == case then found[#found + 1] = event end
    end
    assert.equal(1, #found, case .. '\n' .. server:ledger())
    return found[1]
  end

  local function check(way, digits, form, case)
    local path = ('%s?case=%s&want=%s&site_id=%s'):format(way.path, case, digits, digits)
    local answer = server:post(path, (way.body:gsub('%%s', (form:format(digits)))))
    assert.equal(200, answer.status, answer.body)
    local notify = way.answer(answer.body, digits, form)
    assert.equal(200, notify(server).status)
    local event = event_of(case)
    assert.same({ case .. ' same', way.event, digits, digits, digits },
      { event.data, event.type, event.auction_id, event.imp_id, event.site_id })
    local line = ('%s same saw %s %s %s'):format(case, way.event, digits, digits)
    Server.poll('the log says: ' .. line, 5, function() return server:log():find(line, 1, true) end)
  end

  -- The site of each bid, as `moonbid report` prints it.
  local function reported_sites()
    local output, status = Server.run(('report --data %s/data --by site,data --format json'):format(server.folder), server.folder)
    assert.equal(0, status, output)
    local sites = {}
    for _, row in ipairs(dkjson.decode(output).rows) do sites[row.data] = row.site end
    return sites
  end

  for place, way in ipairs(WAYS) do
    for name, form in pairs(FORMS) do
      it(('keeps its digits as a %s over %s'):format(name, way.name), function()
        for i, digits in ipairs(IDS) do check(way, digits, form, ('%d-%s-%d'):format(place, name, i)) end
        local sites = reported_sites()
        for i, digits in ipairs(IDS) do assert.equal(digits, sites[('%d-%s-%d same'):format(place, name, i)]) end
      end)
    end
  end
end)
