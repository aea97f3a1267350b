-- What becomes of what `bid` returns: no-bid reasons, bids, refused shapes, tokens, and the events of a bid;
-- lua-api sections 3 to 5.

local kit = require 'moonbid.kit'
local probe = require 'spec.support.probe'
local folders = require 'spec.support.folder'

local IMAGE = "image_url = 'https://cdn.example/i.png', click_url = 'https://go.example/'"

describe('the result of bid', function()
  local folder
  before_each(function() folder = folders.new() end)
  after_each(function() folder:remove() end)

  local function answer_of(body, request, keys)
    folder:strategy(keys or '', body)
    return folder:load():bid(request or kit.exoclick.banner())
  end

  it('may be no bid, for a reason or none', function()
    for _, row in ipairs {
      { "return nobid 'keyword'", 'keyword' }, { '', 'none' }, { 'return nil', 'none' }, { 'return {}', 'none' },
      { "error 'x'", 'script_error' },
    } do
      local answer = answer_of(row[1])
      assert.nobids(answer, row[2], 'probe')
      assert.same({ 204, '' }, { answer.http.status, answer.http.body })
    end
  end)

  it('is refused where its shape is wrong, with the name of the field', function()
    for _, row in ipairs {
      { "return 'bid'", 'bid' }, { 'return 7', 'bid' }, { 'return true', 'bid' },
      { 'return { ' .. IMAGE .. ' }', 'price' }, { "return { price = '2', " .. IMAGE .. ' }', 'price' },
      { 'return { price = 0, ' .. IMAGE .. ' }', 'price' }, { 'return { price = -1, ' .. IMAGE .. ' }', 'price' },
      { 'return { price = 0 / 0, ' .. IMAGE .. ' }', 'price' }, { 'return { price = 1 / 0, ' .. IMAGE .. ' }', 'price' },
      { 'return { price = 2, click_ulr = 1, ' .. IMAGE .. ' }', 'click_ulr' },
      { "return { price = 2, model = 'cpa', " .. IMAGE .. ' }', 'model' },
      { "return { price = 2, model = 'cpc', " .. IMAGE .. ' }', 'model' },
      { 'return { price = 2, title = 7, ' .. IMAGE .. ' }', 'title' },
      { "return { price = 2, data = ('x'):rep(65), " .. IMAGE .. ' }', 'data' },
      { "return { price = 2, ext = 'x', " .. IMAGE .. ' }', 'ext' },
      { 'return { price = 2, custom_macros = { 7 }, ' .. IMAGE .. ' }', 'custom_macros' },
      { "return { price = 2, exclusive = 'yes', " .. IMAGE .. ' }', 'exclusive' },
      { 'return { price = 2, width = -1, ' .. IMAGE .. ' }', 'width' },
      { "return { price = 2, click_url = 'https://go.example/' }", 'image_url' },
      { "return { price = 2, image_url = 'https://cdn.example/i.png' }", 'click_url' },
      { 'return { { price = 2, ' .. IMAGE .. ' }, { price = 2, titel = 1 } }', '%[2%]%.titel' },
      { 'return { 7 }', 'bid' },
    } do
      local answer = answer_of(row[1])
      assert.nobids(answer, 'invalid_bid')
      assert.matches('^' .. row[2], answer.nobids[1].problem, row[1])
    end
  end)

  it('needs an icon of the size that is asked for, and a member that the request lists', function()
    local icon = "return { price = 2, title = 'T', description = 'D', click_url = 'https://go.example/', "
      .. "icon_url = { ['%s'] = 'https://i' } }"
    assert.bids(answer_of(icon:format '192x192', kit.exoclick.push()))
    local wrong = answer_of(icon:format '720x480', kit.exoclick.push())
    assert.nobids(wrong, 'invalid_bid')
    assert.matches('icon_url', wrong.nobids[1].problem)
    wrong = answer_of("return { price = 2, creative_id = '71', member_id = '9' }", kit.xandr.bid())
    assert.nobids(wrong, 'invalid_bid')
    assert.matches('member_id', wrong.nobids[1].problem)
  end)

  it('faces the floor and the highest price', function()
    local request = kit.xandr.bid { tags = { { reserve_price = 1.5 } } }
    assert.nobids(answer_of("return { price = 1.49, creative_id = '71' }", request), 'below_floor')
    assert.bids(answer_of("return { price = 1.5, creative_id = '71' }", request), { price = 1.5 })
    assert.nobids(answer_of('return { price = 2.01, ' .. IMAGE .. ' }', nil, 'limits = { max_bid = 2 },'), 'over_max_bid')
    assert.bids(answer_of('return { price = 2, ' .. IMAGE .. ' }', nil, 'limits = { max_bid = 2 },'))
  end)

  it('expands known tokens and leaves the rest alone, byte for byte', function()
    local request = kit.exoclick.banner { id = 'r1', user_id = 'u1', tokens = { zone_id = 'a b', own = 'x&y' } }
    local answer = answer_of([[return { price = 1.25, image_url = 'https://i', data = 'd',
      click_url = 'https://g/?{src}|{nothing}|{zone_id}|{zone_id:raw}|{own}|{request_id}|{price}|{exchange}|{strategy}'
        .. '|{user_id}|{data}|{keyword}|{email_encoded}|${AUCTION_PRICE}|{other}|{fails}' }]], request,
      "tokens = { src = function(ctx, req, imp, bid) return 's/' .. bid.data end, nothing = function() end, "
        .. "fails = function() error 'x' end },")
    assert.equals('https://g/?s%2Fd||a%20b|a b|x%26y|r1|1.25|exoclick|probe|u1|d||{email_encoded}|${AUCTION_PRICE}|{other}|',
      answer.bids[1].click_url)
  end)
end)

describe('events', function()
  -- What handlers saw, told by the next bid.
  local function seen_by(request, act, names, expressions)
    local folder, keys = folders.new(), {}
    for i, name in ipairs(names) do
      keys[i] = ("%s = function(ctx, event) LOG[#LOG + 1] = '%s'; for _, f in ipairs(FIELDS) do LOG[#LOG + 1] = f(event) end end,")
        :format(name, name)
    end
    local fields = {}
    for i, expression in ipairs(expressions) do fields[i] = ('function(event) return show(%s) end'):format(expression) end
    probe.write(folder, { "table.concat(LOG, ' ')" }, table.concat(keys, ' '),
      ('local LOG, FIELDS = {}, { %s }'):format(table.concat(fields, ', ')))
    local bidder = folder:load { now = '2026-03-02T09:00:00Z', geo = { ['192.0.2.1'] = 'DE' } }
    folder:remove()
    act(bidder, bidder:bid(request))
    return (probe.read(bidder:bid(request))[1]:gsub('^"(.*)"$', '%1'))
  end

  it('of ExoClick carry what the bid was', function()
    local request = kit.exoclick.banner { id = 'r1', tokens = { zone_id = '778899', site_id = '4321' } }
    local text = seen_by(request, function(bidder, answer)
      bidder:notice(answer, 'billing')
      bidder:notice(answer, 'billing')
    end, { 'on_billing', 'on_notify', 'on_win' }, {
      'event.type', 'event.exchange', 'event.auction_id', 'event.strategy', 'event.data', 'event.model', 'event.price_bid',
      'event.cost', 'event.country', 'event.test', 'event.price_sold_for', 'event.error_id', 'event.misspelt',
      "string.format('%.0f', event.time)", '(pcall(function() event.cost = 0 end))',
    })
    local one = '"billing" "exoclick" "r1" "probe" "mine" "cpm" 3 0.003 "DE" false nil nil nil "1772442000000" false'
    assert.equals('on_billing ' .. one .. ' on_notify ' .. one, text)
  end)

  it('of Xandr come to their own handler and to on_notify', function()
    local request = kit.xandr.bid { tags = { { auction_id_64 = '9007199254740993' } } }
    local text = seen_by(request, function(bidder, answer)
      bidder:notify(answer, { type = 'pending' })
      bidder:notify(answer, { price_paid = 1.5, creative_id = 71 })
      bidder:click(answer)
    end, { 'on_win', 'on_click', 'on_notify' }, {
      'event.type', 'event.auction_id', 'event.price_paid', 'event.cost', 'event.member_id',
    })
    assert.equals('on_notify "pending" "9007199254740993" nil 0 "4401"'
      .. ' on_win "win" "9007199254740993" 1.5 0.0015 "4401" on_notify "win" "9007199254740993" 1.5 0.0015 "4401"'
      .. ' on_click "click" "9007199254740993" nil 0 "4401" on_notify "click" "9007199254740993" nil 0 "4401"', text)
  end)
end)
