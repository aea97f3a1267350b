-- Impressions told by an image of ours, where no exchange tells of them.

local kit = require 'moonbid.kit'
local folders = require 'spec.support.folder'

local PUSH = "title = 'T', description = 'D', icon_url = 'https://c.example/i', click_url = 'https://go.example/'"
local BANNER = "image_url = 'https://c.example/b', click_url = 'https://go.example/'"

describe('tracked impressions', function()
  local folder
  before_each(function() folder = folders.new() end)
  after_each(function() folder:remove() end)

  local function load(fields, more, config)
    if config then folder:write('moonbid.conf.lua', config) end
    folder:write('strategies/a.lua', ([[return strategy { name = 'a', track_impressions = true, %s
      bid = function() return { price = 1, %s } end,
      on_impression = function(ctx) ctx.incr('seen', 1, '24h') end }]]):format(more or '', fields))
    return kit.load { scripts = folder.path, config = config and folder.path .. '/moonbid.conf.lua' }
  end

  local function get(bidder, url)
    local path, query = url:match '^https?://[^/]+(/[^?]*)%??(.*)$'
    return bidder:send { method = 'GET', path = path, query = query }
  end

  local function banner() return kit.openrtb.banner { w = 300, h = 250 } end

  -- Request, the bid's fields, and how the answer's bytes hold the image's URL.
  for what, row in pairs {
    ['by the tracker of a push notification'] = { kit.exoclick.push, PUSH, '"imptrackers":["%s"]' },
    ['by an image beside the banner that we make'] = { banner, BANNER, '<img src=\\"%s\\" alt=\\"\\" width=\\"1\\"' },
    ['among a native ad\'s trackers'] = { kit.openrtb.native, PUSH .. ", image_url = 'https://c.example/m'",
      [[\"event\":1,\"method\":1,\"url\":\"%s\"]] },
    ['in a film\'s document'] = { kit.openrtb.video, [[creative_id = 'c', vast = { title = 't', duration = '5s', media = {
      { url = 'https://c.example/v.mp4', type = 'video/mp4', width = 640, height = 360, bitrate = 500 } } }]],
      '<Impression><![CDATA[%s]]></Impression>' },
    ['by Xandr\'s pixel'] = { kit.xandr.bid, "creative_id = '7'", '"pixel_url":"%s"' },
    ['where markup says so'] = { banner, "markup = '<b><img src=\"{{impression_url}}\"></b>'", '<b><img src=\\"%s\\"></b>' },
  } do
    it(what, function()
      local bidder = load(row[2])
      local answer = bidder:bid(row[1]())
      assert.bids(answer)
      local url = answer.bids[1].impression_url
      assert.matches('^http://[^/]+/n/[%w_-]+$', url)
      assert.matches(row[3]:format(url), answer.http.body, 1, true)
      for _ = 1, 2 do
        local image = bidder:notice(answer, 'impression')
        assert.equals(200, image.http.status)
        assert.equals('image/gif', image.http.content_type)
        assert.equals('GIF89a', image.http.body:sub(1, 6))
        assert.equals(43, #image.http.body)
      end
      assert.equals(1, bidder:count('a', 'impression'))
      assert.equals(0, bidder:spent 'a')
    end)
  end

  it('in front of the strategy\'s own image, whose tokens are filled', function()
    local bidder = load(PUSH .. ", imptracker = 'https://t.example/i?z={zone_id}'")
    local answer = bidder:bid(kit.exoclick.push { tokens = { zone_id = '4 2' } })
    local visit = bidder:notice(answer, 'impression')
    assert.equals(302, visit.http.status)
    assert.matches('Location: https://t.example/i%?z=4%%202\r\n', visit.http.headers)
    assert.equals(1, bidder:count('a', 'impression'))
    -- A page that nobody sealed is not gone to; the impression is true all the same.
    local url = answer.bids[1].imptracker
    assert.equals(200, get(bidder, (url:gsub('t%.example', 'evil.example'))).http.status)
    assert.equals(404, get(bidder, (url:gsub('/n/....', '/n/AAAA'))).http.status)
  end)

  it('on an address of its own', function()
    local bidder = load(PUSH, nil, "return { pixel_url = 'https://p.example/x/' }")
    assert.matches('^https://p.example/x/n/', bidder:bid(kit.exoclick.push()).bids[1].impression_url)
  end)

  it('only where the answer has a place for it', function()
    for _, row in ipairs {
      { kit.exoclick.banner, BANNER }, { banner, "markup = '<b></b>'" },
      { kit.exoclick.popunder, "url = 'https://go.example/'" },
    } do
      local bidder = load(row[2])
      local answer = bidder:bid(row[1]())
      assert.bids(answer)
      assert.is_nil(answer.bids[1].impression_url)
      assert.has_error(function() bidder:notice(answer, 'impression') end, "no image of ours tells of this bid's impression")
    end
  end)

  it('leave markup alone that names no image of ours', function()
    folder:write('strategies/a.lua', [[return strategy { name = 'a', bid = function()
      return { price = 1, markup = '<i>{{impression_url}}</i>' } end }]])
    local answer = kit.load { scripts = folder.path }:bid(banner())
    assert.matches('{{impression_url}}', answer.http.body, 1, true)
  end)

  it('are what frequency caps count; else the booking is', function()
    local cap = "limits = { frequency = { count = 1, per = '24h', key = { 'user' } } },"
    local request = kit.exoclick.push { user_id = 'u1' }
    local bidder = load(PUSH, cap)
    local answer = bidder:bid(request)
    bidder:notice(answer, 'billing')
    assert.bids(bidder:bid(request))
    bidder:notice(answer, 'impression')
    assert.nobids(bidder:bid(request), 'frequency')

    request = kit.exoclick.banner { user_id = 'u1' }
    bidder = load(BANNER, cap)
    bidder:notice(bidder:bid(request), 'billing')
    assert.nobids(bidder:bid(request), 'frequency')
  end)

  it('reach max_impressions', function()
    local bidder = load(PUSH, 'limits = { max_impressions = 2 },')
    for _ = 1, 2 do bidder:notice(bidder:bid(kit.exoclick.push()), 'impression') end
    assert.nobids(bidder:bid(kit.exoclick.push()), 'budget')
  end)
end)
