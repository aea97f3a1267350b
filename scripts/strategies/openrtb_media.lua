--- openrtb_media.lua - video, audio, native and deals on OpenRTB.
--
-- Shows: VAST with {{tokens}}, a native answer made of plain fields, a deal before the open auction.
local VAST = [==[
<?xml version="1.0" encoding="UTF-8"?>
<VAST version="3.0"><Ad id="{{bid_id}}"><InLine>
<AdSystem>moonbid</AdSystem><AdTitle>Spring</AdTitle>
<Impression><![CDATA[https://t.example/i?b={{bid_id}}&d={{domain}}]]></Impression>
<Creatives><Creative><Linear><Duration>00:00:15</Duration>
<VideoClicks><ClickThrough><![CDATA[https://go.example/v?b={{bid_id}}]]></ClickThrough></VideoClicks>
<MediaFiles><MediaFile delivery="progressive" %s><![CDATA[%s]]></MediaFile></MediaFiles>
</Linear></Creative></Creatives>
</InLine></Ad></VAST>]==]

local VIDEO = VAST:format('type="video/mp4" width="640" height="360"', 'https://cdn.example/spring.mp4')
local AUDIO = VAST:format('type="audio/mpeg"', 'https://cdn.example/spring.mp3')

-- What a deal is worth to us, whatever its floor.
local DEALS = { ['deal-7'] = 2.60 }

return {
  strategy {
    name = 'openrtb_media',
    target = { exchange = { 'openrtb' }, format = { 'video', 'audio' } },
    limits = { max_bid = 8.00, daily = 500.00 },

    bid = function(_, _, imp)
      if imp.deals_only then return nobid 'deals_only' end -- a private auction, and we have no deal
      local price = imp.format == 'video' and 4.20 or 3.10
      if price < imp.floor then return nobid 'floor' end
      return { price = price, vast = imp.format == 'video' and VIDEO or AUDIO, creative_id = 'spring-' .. imp.format }
    end,
  },

  strategy {
    name = 'openrtb_native',
    target = { exchange = { 'openrtb' }, format = { 'native' } },
    limits = { max_bid = 3.00, daily = 200.00 },

    bid = function(_, _, imp)
      if imp.deals_only then return nobid 'deals_only' end
      local price = 1.30
      if price < imp.floor then return nobid 'floor' end
      return {
        price = price,
        title = 'Spring is here',
        description = 'Seeds and pots',
        image_url = 'https://cdn.example/n1200x627.jpg',
        icon_url = 'https://cdn.example/i192.png',
        click_url = 'https://go.example/n?s={domain}&b={bid_id}',
        creative_id = 'native-1',
        advertiser_domains = { 'garden.example' },
      }
    end,
  },

  strategy {
    name = 'openrtb_deals',
    priority = 1, -- before the open auction
    target = { exchange = { 'openrtb' }, format = { 'banner' } },
    limits = { max_bid = 5.00, daily = 500.00 },

    bid = function(_, _, imp)
      for _, deal in ipairs(imp.deals or {}) do
        if DEALS[deal] then
          return {
            price = DEALS[deal],
            deal_id = deal,
            image_url = 'https://cdn.example/deal.jpg',
            click_url = 'https://go.example/d?b={bid_id}',
            creative_id = 'deal-banner',
            advertiser_domains = { 'garden.example' },
          }
        end
      end
      return nobid 'no_deal'
    end,

    on_loss = function(ctx, event) ctx.incr('lost:' .. (event.reason or 'unknown'), 1, '24h') end,
  },
}
