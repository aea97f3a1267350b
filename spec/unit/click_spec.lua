-- Landing pages behind our own redirect, and what conversions bring.

local kit = require 'moonbid.kit'
local folders = require 'spec.support.folder'

describe('tracked clicks', function()
  local folder, bidder
  before_each(function()
    folder = folders.new()
    folder:write('strategies/a.lua', [[return strategy { name = 'a', track_clicks = true,
      bid = function(ctx, req) return { price = 1, image_url = 'https://c.example/i',
        click_url = 'https://go.example/l?z={zone_id}&t={click_token}&m=' .. (req.user.keyword or '') } end,
      on_click = function(ctx) ctx.incr('clicks', 1, '24h') end }]])
    bidder = kit.load { scripts = folder.path }
  end)
  after_each(function() folder:remove() end)

  local function get(url, changed)
    local path, query = (changed or url):match '^https?://[^/]+(/[^?]*)%??(.*)$'
    return bidder:send { method = 'GET', path = path, query = query }
  end

  local function location(answer) return (answer.http.headers or ''):match 'Location: ([^\r]*)' end

  it('send the visitor to the very page, and count the click once', function()
    local answer = bidder:bid(kit.exoclick.banner { tokens = { zone_id = '42' } })
    local url = answer.bids[1].click_url
    assert.matches('^http://[^/]+/k/[%w_-]+%?s=[%w_-]+&u=https%%3A%%2F%%2Fgo.example', url)
    for _ = 1, 2 do
      local visit = get(url)
      assert.equals(302, visit.http.status)
      assert.matches('^https://go.example/l%?z=42&t=[%w_-]+&m=$', location(visit))
    end
    assert.equals(1, bidder:count('a', 'click'))
    assert.equals(0, bidder:spent 'a')
  end)

  it('fill the exchange\'s macros in', function()
    local url = bidder:bid(kit.exoclick.banner { keyword = '${AUCTION_PRICE}x{email_encoded}' }).bids[1].click_url
    assert.matches('&m1=${AUCTION_PRICE}&m2={email_encoded}', url, 1, true)
    local filled = url:gsub('&m1=.*$', '&m1=0.5 6&m2={email_encoded}'):gsub(' ', '%%20')
    assert.equals('&m=0.5%206x', location(get(url, filled)):match '&m=.*')
  end)

  it('go nowhere else', function()
    local url = bidder:bid(kit.exoclick.banner()).bids[1].click_url
    for _, changed in ipairs {
      (url:gsub('go%.example', 'evil.example')), (url:gsub('s=....', 's=AAAA')), (url:gsub('/k/....', '/k/AAAA')),
      (url:gsub('&u=.*', '')), (url:gsub('s=[^&]*&', '')),
    } do
      assert.equals(404, get(url, changed).http.status, changed)
    end
    assert.equals(0, bidder:count('a', 'click'))
  end)

  it('never break a header', function()
    folder:write('strategies/a.lua', [[return strategy { name = 'a', track_clicks = true,
      bid = function() return { price = 1, image_url = 'https://c.example/i', click_url = 'https://go.example/ü x' } end }]])
    bidder = kit.load { scripts = folder.path }
    local visit = get(bidder:bid(kit.exoclick.banner()).bids[1].click_url)
    assert.equals('https://go.example/%C3%BC%20x', location(visit))
  end)

  describe('convert', function()
    local token
    before_each(function()
      local visit = get(bidder:bid(kit.exoclick.banner()).bids[1].click_url)
      token = location(visit):match 't=([%w_-]+)'
    end)

    local function convert(query, other) return bidder:send { method = 'GET', path = '/c/' .. (other or token), query = query } end

    it('once, or once for each id', function()
      for _ = 1, 2 do assert.equals(200, convert('value=12.5').http.status) end
      assert.equals(1, bidder:count('a', 'conversion'))
      for _, id in ipairs { 'o-1', 'o-2', 'o-1' } do convert('value=1&id=' .. id) end
      assert.equals(3, bidder:count('a', 'conversion'))
    end)

    it('say what is wrong', function()
      assert.matches('value: expected a decimal', convert('value=much').http.body, 1, true)
      assert.matches('currency: the config has no rate', convert('value=1&currency=QQQ').http.body, 1, true)
      assert.equals(404, convert('value=1', token:sub(1, -2)).http.status)
      assert.equals(0, bidder:count('a', 'conversion'))
    end)
  end)
end)
