--- xandr_banner.lua - the strategy of the benchmarks for Xandr's platform protocol; what nginx does for comparison is
-- decision.lua.
local WORTH = { DE = 1.20, AT = 1.05, CH = 1.60 }
local CREATIVE = { [300] = '71001', [728] = '71002' } -- by width

return strategy {
  name = 'xandr_banner',
  target = {
    exchange = { 'xandr' },
    country = { 'DE', 'AT', 'CH' },
    size = { '300x250', '728x90' },
    exclude = { domain = { 'bad.example', 'worse.example' } },
  },
  limits = { max_bid = 5.00, daily = 1e9, total = 1e9 },
  bid = function(ctx, req, imp)
    local price = WORTH[req.geo.country] * (1 - ctx.random(0, 10) / 100)
    if imp.floor > price then return nobid 'floor' end
    return {
      price = math.floor(price * 1000 + 0.5) / 1000,
      creative_id = CREATIVE[imp.width],
      member_id = '4401',
      custom_notify_data = 'line=4',
      custom_macros = { CLICK = 'https://go.example/c?src=' .. (req.site.domain or 'unknown') },
    }
  end,
}
