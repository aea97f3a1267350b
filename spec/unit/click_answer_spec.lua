-- What on_click returns is the answer to Xandr's click call, once, and only if the exchange would take it.

local kit = require 'moonbid.kit'
local json = require 'dkjson'
local folders = require 'spec.support.folder'

describe('the answer to a click', function()
  local folder, bidder
  before_each(function() folder = folders.new() end)
  after_each(function() folder:remove() end)

  local function load(body, more)
    folder:write('strategies/a.lua', ([[return strategy { name = 'a',
      bid = function() return { price = 1, creative_id = '5' } end,
      on_click = function(ctx, event) %s end, %s }]]):format(body, more or ''))
    bidder = kit.load { scripts = folder.path, now = '2026-03-02T09:00:00Z' }
    return bidder:bid(kit.xandr.bid())
  end

  it('is what on_click returns', function()
    local bid = load [[return { userdata_js = 'mark(' .. event.auction_id .. ')',
      segment_actions = { { action = 'add', id = 42, expires_min = 60 },
                          { action = 'remove', code = 'old', member_id = '4401' } } }]]
    local answer = bidder:click(bid)
    assert.equals(200, answer.http.status)
    assert.same({ click_response = {
      userdata_js = 'mark(' .. bid.bids[1].imp_id .. ')',
      segment_actions = { { action = 'add', id = 42, expires_min = 60 }, { action = 'remove', code = 'old', member_id = '4401' } },
    } }, json.decode(answer.http.body))
  end)

  it('is empty to a repeat, for which no handler runs', function()
    local bid = load "return { userdata_js = 'a()' }"
    assert.matches('click_response', bidder:click(bid).http.body)
    local again = bidder:click(bid)
    assert.equals(200, again.http.status)
    assert.equals('', again.http.body)
  end)

  it('is empty where the handler has none, or none that the exchange would take', function()
    for _, body in ipairs {
      '', 'return nil', "return 'x'", 'return 5', 'return { segments = {} }', 'return { userdata_js = 5 }', 'return { 1, 2 }',
      'return { segment_actions = 5 }', "return { segment_actions = { { action = 'add' } } }",
      "return { segment_actions = { { action = 'put', id = 5 } } }", "return { segment_actions = { { id = 5 } } }",
      "return { segment_actions = { { action = 'add', id = 5, code = 'x' } } }",
      "return { segment_actions = { { action = 'add', id = 'five' } } }",
      "return { segment_actions = { { action = 'add', id = 5, to = 1 } } }",
      "error 'no'", 'local t = {} t.t = t return t', 'return { userdata_js = function() end }',
    } do
      local bid = load(body)
      local answer = bidder:click(bid)
      assert.equals(200, answer.http.status, body)
      assert.equals('', answer.http.body, body)
      assert.equals(1, bidder:count('a', 'click'))
    end
  end)

  it('is not what the other handlers return', function()
    local bid = load('', "on_win = function() return { userdata_js = 'w()' } end, "
      .. "on_notify = function() return { userdata_js = 'n()' } end")
    assert.equals('', bidder:notify(bid).http.body)
    assert.equals('', bidder:click(bid).http.body)
  end)
end)
