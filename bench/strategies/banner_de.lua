--- banner_de.lua - the OpenRTB strategy of the benchmarks; what nginx does for comparison is decision.lua.
local WORTH = { DE = 1.20, AT = 1.05, CH = 1.60 }

return strategy {
  name = 'banner_de',
  target = {
    exchange = { 'openrtb' },
    format = { 'banner' },
    country = { 'DE', 'AT', 'CH' },
    size = { '300x250', '728x90' },
    exclude = { domain = { 'bad.example', 'worse.example' } },
  },
  limits = { max_bid = 5.00, daily = 1e9, total = 1e9 },
  tokens = {
    src = function(_, req) return req.site.domain or 'unknown' end,
  },
  bid = function(ctx, req, imp)
    local price = WORTH[req.geo.country] * (1 - ctx.random(0, 10) / 100)
    if imp.floor > price then return nobid 'floor' end
    return {
      price = math.floor(price * 1000 + 0.5) / 1000,
      image_url = 'https://cdn.example/banner-300x250.png',
      click_url = 'https://go.example/c?src={src}&tag=' .. (imp.tag_id or '') .. '&p={price}',
      advertiser_domains = { 'brand.example' },
      creative_id = 'creative-7',
    }
  end,
}
