--- banner_by_site.lua - banners, priced by the site that shows them.
--
-- Shows: a price table, a floor, a creative by size, handlers that count; the same file on ExoClick's own protocol and on
-- OpenRTB, where an image and a landing page become the markup by themselves.
local CREATIVES = {
  ['300x250'] = 'https://cdn.example/300x250.jpg',
  ['728x90'] = 'https://cdn.example/728x90.jpg',
  ['160x600'] = 'https://cdn.example/160x600.jpg',
  ['900x250'] = 'https://cdn.example/900x250.jpg',
  ['300x100'] = 'https://cdn.example/300x100.jpg',
}

-- CPM by domain; what we know of a site's visitors.
local BY_SITE = { ['news.example'] = 1.80, ['pub.example'] = 1.20 }
local OTHER = 0.60

local XANDR_MAX = 5.00 -- CPM

return {
  strategy {
    name = 'banner_by_site',
    target = { exchange = { 'exoclick', 'openrtb' }, format = { 'banner', 'in_page_push' } },
    limits = { max_bid = 3.00, daily = 500.00 },

    bid = function(_, req, imp)
      local price = BY_SITE[req.site.domain or ''] or OTHER
      if price < imp.floor then return nobid 'floor' end
      if imp.deals_only then return nobid 'deals_only' end -- a private auction, and we have no deal
      if imp.format == 'in_page_push' then
        return {
          price = price,
          title = 'Hello',
          description = 'Only today',
          image_url = 'https://cdn.example/i.png',
          click_url = 'https://go.example/ipp?s={domain}',
        }
      end
      local image = CREATIVES[('%dx%d'):format(imp.width or 0, imp.height or 0)]
      if not image then return nobid 'size' end
      return {
        price = price,
        image_url = image,
        click_url = 'https://go.example/b?s={domain}&b={bid_id}',
        creative_id = ('b%dx%d'):format(imp.width, imp.height), -- this and the next for OpenRTB alone
        advertiser_domains = { 'shop.example' },
      }
    end,

    on_billing = function(ctx, event) ctx.incr('billed:' .. (event.site_id or 'none'), 1, '24h') end,
  },

  -- The same idea at Xandr, in both of its protocols: the exchange knows our creatives by id.
  strategy {
    name = 'xandr_display',
    target = { exchange = { 'xandr' }, size = { '300x250', '728x90', '160x600', '320x50' } },
    limits = { max_bid = XANDR_MAX, daily = 500.00 },

    bid = function(_, req, imp)
      local price = math.max(BY_SITE[req.site.domain or ''] or OTHER, imp.floor * 1.1)
      if imp.deals_only then return nobid 'deals_only' end
      if price > XANDR_MAX then return nobid 'too_dear' end
      return {
        price = price,
        member_id = imp.members and imp.members[1] or (req.raw.wseat or {})[1],
        creative_id = '71001',
        ad_id = '71001', -- the same in OpenRTB, where creative_id is a code of ours
        custom_notify_data = 'line=4',
        custom_macros = { LINE = '4' },
      }
    end,

    on_win = function(ctx) ctx.incr('wins', 1, '24h') end,
  },
}
