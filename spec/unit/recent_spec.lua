-- Xandr gives the token back with wins only: lost, pending, error and click calls find their bid all the same.

local kit = require 'moonbid.kit'
local json = require 'dkjson'
local folders = require 'spec.support.folder'

describe('a Xandr call without a token', function()
  local folder, bidder
  before_each(function()
    folder = folders.new()
    folder:write('strategies/a.lua', [[return strategy { name = 'a',
      bid = function(ctx, req, imp) return { price = 2, creative_id = '7', member_id = imp.members[1], data = 'red' } end,
      on_loss = function(ctx, event) ctx.incr('lost:' .. event.data, 1, '1h') end }]])
    bidder = kit.load { scripts = folder.path, now = '2026-03-02T09:00:00Z' }
  end)
  after_each(function() folder:remove() end)

  local function lost(auction, member, kind)
    local body = ('{"notify_request":{"timestamp":"2026-03-02 09:00:01","tags":[{"auction_id_64":%s,"notify_type":"%s"%s}]}}')
      :format(auction, kind or 'lost', member and ',"member_id":' .. member or '')
    assert.equals(200, bidder:send { method = 'POST', path = '/xandr/notify', body = body }.http.status)
  end

  local function auction_of(answer) return answer.http.body:match '"auction_id_64":(%d+)' end

  it('is of the bid that auction and member name', function()
    local auction = auction_of(bidder:bid(kit.xandr.bid()))
    lost(auction, '4401')
    assert.equals(1, bidder:count('a', 'loss'))
    lost(auction, '4401')
    assert.equals(1, bidder:count('a', 'loss'))
    lost(auction, '999', 'pending')
    assert.equals(0, bidder:count('a', 'pending'))
  end)

  it('needs no member where one bid was made', function()
    lost(auction_of(bidder:bid(kit.xandr.bid())))
    assert.equals(1, bidder:count('a', 'loss'))
  end)

  it('is of nobody an hour later, when auction ids come again', function()
    local auction = auction_of(bidder:bid(kit.xandr.bid()))
    bidder:advance '61m'
    lost(auction, '4401')
    assert.equals(0, bidder:count('a', 'loss'))
  end)

  it('books a win that came without its token, never above the bid', function()
    local auction = auction_of(bidder:bid(kit.xandr.bid()))
    local body = json.encode { notify_request = { timestamp = '2026-03-02 09:00:01', tags = { {
      auction_id_64 = setmetatable({}, { __tojson = function() return auction end }), notify_type = 'won', price_paid = 9,
    } } } }
    for _ = 1, 2 do bidder:send { method = 'POST', path = '/xandr/notify', body = body } end
    assert.equals(0.002, bidder:spent 'a')
  end)

  it('may be about a pixel or an audit: recorded once each, of nobody', function()
    local function post(path, body) return bidder:send { method = 'POST', path = '/xandr/' .. path, body = body } end
    assert.equals(200, post('pixel', '{"pixel_request":{"user_id_64":9223372036854775807,"pixel_id":5}}').http.status)
    local audit = '{"creative_id":"9007199254740993","old_audit_status":"pending","new_audit_status":"%s"}'
    assert.equals(200, post('audit', audit:format 'audited').http.status)
    assert.equals(400, post('audit', '{"code":"x"}').http.status)
    assert.equals(0, bidder:count('a', 'other'))
  end)
end)
