--- push_de.lua - the strategy of the benchmarks; what nginx does for comparison is decision.lua.
local WORTH = { DE = 0.42, AT = 0.38, CH = 0.55 }
local FLOOR = { ['778899'] = 0.25 }

return strategy {
  name = 'push_de',
  model = 'cpc',
  target = {
    format = { 'push' },
    country = { 'DE', 'AT', 'CH' },
    language = { 'de' },
    size = { '192x192', '720x480' },
  },
  -- No limit may end a run, yet every bid is checked against them and reserved.
  limits = { max_bid = { cpc = 0.60 }, daily = 1e9, total = 1e9 },
  tokens = {
    src = function(_, req) return req.tokens.src_hostname or 'unknown' end,
  },
  bid = function(ctx, req)
    local floor = FLOOR[req.tokens.zone_id] or 0.10
    local price = WORTH[req.geo.country] * (1 - ctx.random(0, 10) / 100)
    if price < floor then return nobid 'floor' end
    return {
      price = math.floor(price * 1000 + 0.5) / 1000,
      title = 'Guten Tag',
      description = 'Nur heute',
      icon_url = {
        ['192x192'] = 'https://cdn.example/i192.png',
        ['720x480'] = 'https://cdn.example/i720.png',
      },
      click_url = 'https://go.example/c?src={src}&zone={zone_id}&p={price}',
    }
  end,
}
