--- de_push.lua - push notifications in German-speaking countries, paid by the click.
--
-- Shows: a target with lists, limits, dynamic tokens, a no-bid with a reason, prices from a shared module.
local shading = require 'lib.shading'

return strategy {
  name = 'de_push',
  model = 'cpc',

  target = {
    exchange = { 'exoclick' },
    format = { 'push' },
    country = { 'DE', 'AT', 'CH', 'FR' },
    size = { '192x192', '720x480' },
    exclude = { zone = list 'bad-zones.txt', domain = { 'spam.example' } },
  },

  limits = {
    max_bid = { cpc = 0.60 },
    daily = 250.00,
    hourly = 100.00,
    total = 10000.00,
  },

  tokens = {
    -- {src} in a URL: the site as the publisher named it.
    src = function(_, req) return req.tokens.src_hostname or 'unknown' end,
  },

  bid = function(ctx, req)
    if (req.user.keyword or ''):lower():find('casino', 1, true) then return nobid 'keyword' end
    return {
      price = shading.price(ctx, req.geo.country),
      title = 'Guten Tag',
      description = 'Nur heute',
      icon_url = {
        ['192x192'] = 'https://cdn.example/i192.png',
        ['720x480'] = 'https://cdn.example/i720.png',
      },
      click_url = 'https://go.example/c?src={src}&zone={zone_id}&p={price}&cv={click_token}',
      data = 'creative-a',
    }
  end,

  on_click = function(ctx) ctx.incr('clicks', 1, '24h') end,
}
