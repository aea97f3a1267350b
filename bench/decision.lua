--- decision.lua - what strategies/push_de.lua decides, as one would write it for nginx with its Lua module and cjson.
--
-- It is spared some work that the bidder does: the country is taken from the language instead of looked up by address,
-- the notice URL carries a constant instead of a signed token, and no money is reserved.
local cjson = require 'cjson'

local COUNTRY = { de = 'DE' }
local WORTH = { DE = 0.42, AT = 0.38, CH = 0.55 }
local FLOOR = { ['778899'] = 0.25 }
local ICON = {
  ['192x192'] = 'https://cdn.example/i192.png',
  ['720x480'] = 'https://cdn.example/i720.png',
}
local NOTICE = 'http://127.0.0.1:12345/n/' .. ('x'):rep(80) .. '?p='

local decision = {}

local function bid(request, args)
  local icon = ICON[request.size]
  local country = COUNTRY[request.language]
  if request.type ~= 'push_notification' or not icon or not country then return nil end
  local floor = FLOOR[args.zone] or 0.10
  local price = WORTH[country] * (1 - math.random(0, 10) / 100)
  if price < floor then return nil end
  price = math.floor(price * 1000 + 0.5) / 1000
  return {
    id = request.id,
    iconUrl = icon,
    clickUrl = 'https://go.example/c?src=' .. ngx.escape_uri(args.src or 'unknown') .. '&zone='
      .. ngx.escape_uri(args.zone or '') .. '&p=' .. price,
    title = 'Guten Tag',
    description = 'Nur heute',
    bUrl = NOTICE,
    btype = 2,
    value = price,
  }
end

function decision.answer()
  ngx.req.read_body()
  local ok, request = pcall(cjson.decode, ngx.req.get_body_data())
  if not ok then return ngx.exit(400) end
  local found = bid(request, ngx.req.get_uri_args())
  if not found then return ngx.exit(204) end
  local body = cjson.encode { bid = found }
  ngx.header.content_length = #body
  ngx.print(body)
end

return decision
