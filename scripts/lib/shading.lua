--- shading.lua - how much to offer for a click: what it is worth to us in a country, or up to a tenth less.
local shading = {}

-- What a click from a country is worth, house currency.
local WORTH = { DE = 0.42, AT = 0.38, CH = 0.55, FR = 0.30 }
local OTHER = 0.20

--- The price per click for a country; 0.20 where we have no figure.
function shading.worth(country)
  return WORTH[country] or OTHER
end

--- The worth, shaded by up to a tenth: the same draw for the same request, so a replay repeats it.
function shading.price(ctx, country)
  local factor = 1 - ctx.random(0, 10) / 100
  return math.floor(shading.worth(country) * factor * 1000 + 0.5) / 1000
end

--- The price below `worth` that leaves the most, as the market is known: what is won times what each win leaves. Of fifteen
-- prices from a quarter of the worth up; nine tenths of the worth where the market is not known.
function shading.best(ctx, worth)
  local best, most
  for step = 5, 19 do
    local price = worth * step / 20
    local rate = ctx.win_rate(price)
    local left = rate and rate * (worth - price)
    if left and left > (most or 0) then best, most = price, left end
  end
  return best or worth * 0.9
end

return shading
