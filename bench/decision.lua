--- decision.lua - what the strategies of this folder decide, as one would write it for nginx with its Lua module and cjson.
--
-- Money is as safe as nginx can make it: what a bid may cost is added to a shared counter before it is sent, and notice
-- URLs are signed, since nobody could bid for money without either. It is spared work that the bidder does: countries are
-- taken from the request or its language instead of looked up by address, the user agent is not read, there is one limit
-- instead of several, nothing is counted by strategy and reason.
local cjson = require 'cjson'

local money = ngx.shared.money
local DAILY = 1e15 -- nano-units; no limit may end a run

local SECRET = 'sixteen bytes key'
local NOTICE = 'http://127.0.0.1:12345/n/'

local decision = {}

-- False where the day's money is spent.
local function reserve(strategy, nanos)
  local reserved = money:incr(strategy, nanos, 0)
  if reserved <= DAILY then return true end
  money:incr(strategy, -nanos)
  return false
end

-- What a notice must tell of its bid, and the signature for one kind of notice over it.
local function notice_body(strategy, request_id, price)
  return table.concat({ strategy, request_id, price, ngx.now(), math.random(1, 2 ^ 52) }, '|')
end

local function notice_url(kind, body)
  local mac = ngx.hmac_sha1(SECRET, kind .. body):sub(1, 8)
  return NOTICE .. ngx.encode_base64(body .. mac, true)
end

local function read()
  ngx.req.read_body()
  local ok, request = pcall(cjson.decode, ngx.req.get_body_data())
  if ok then return request end
  ngx.exit(400)
end

local function send(answer)
  if not answer then return ngx.exit(204) end
  local body = cjson.encode(answer)
  ngx.header.content_length = #body
  ngx.print(body)
end

local function set(list)
  local out = {}
  for _, value in ipairs(list) do out[value] = true end
  return out
end

-- ExoClick push: strategies/push_de.lua ---------------------------------------------------------------------------

local LANGUAGE = { de = 'DE' }
local CLICK_WORTH = { DE = 0.42, AT = 0.38, CH = 0.55 }
local FLOOR = { ['778899'] = 0.25 }
local ICON = {
  ['192x192'] = 'https://cdn.example/i192.png',
  ['720x480'] = 'https://cdn.example/i720.png',
}

local function push_bid(request, args)
  local icon = ICON[request.size]
  local country = LANGUAGE[request.language]
  if request.type ~= 'push_notification' or not icon or not country then return nil end
  local price = CLICK_WORTH[country] * (1 - math.random(0, 10) / 100)
  if price < (FLOOR[args.zone] or 0.10) then return nil end
  price = math.floor(price * 1000 + 0.5) / 1000
  if not reserve('push_de', price * 1e9 * 0.01) then return nil end
  return {
    id = request.id,
    iconUrl = icon,
    clickUrl = 'https://go.example/c?src=' .. ngx.escape_uri(args.src or 'unknown') .. '&zone='
      .. ngx.escape_uri(args.zone or '') .. '&p=' .. price,
    title = 'Guten Tag',
    description = 'Nur heute',
    bUrl = notice_url('billing', notice_body('push_de', request.id, price)),
    btype = 2,
    value = price,
  }
end

function decision.exoclick()
  local found = push_bid(read(), ngx.req.get_uri_args())
  send(found and { bid = found })
end

-- OpenRTB banner: strategies/banner_de.lua ------------------------------------------------------------------------

local ALPHA2 = { DEU = 'DE', AUT = 'AT', CHE = 'CH' }
local WORTH = { DE = 1.20, AT = 1.05, CH = 1.60 }
local SIZES = set { '300x250', '728x90' }
local BAD_DOMAINS = set { 'bad.example', 'worse.example' }

local function allows(list, value)
  for _, blocked in ipairs(list or {}) do
    if blocked == value then return false end
  end
  return true
end

local function banner_bid(request, imp)
  local banner, country = imp.banner, ALPHA2[request.device.geo.country]
  if not banner or not country or not SIZES[banner.w .. 'x' .. banner.h] or BAD_DOMAINS[request.site.domain] then return nil end
  local price = WORTH[country] * (1 - math.random(0, 10) / 100)
  if (imp.bidfloor or 0) > price or not allows(request.badv, 'brand.example') then return nil end
  price = math.floor(price * 1000 + 0.5) / 1000
  if not reserve('banner_de', price * 1e6 * 0.3) then return nil end
  local body = notice_body('banner_de', request.id, price)
  local click = ('https://go.example/c?src=%s&tag=%s&p=%s'):format(ngx.escape_uri(request.site.domain), imp.tagid or '', price)
  return {
    id = ngx.encode_base64(body:sub(-16), true),
    impid = imp.id,
    price = price,
    nurl = notice_url('win', body) .. '?p=${AUCTION_PRICE}&c=${AUCTION_CURRENCY}',
    burl = notice_url('billing', body) .. '?p=${AUCTION_PRICE}&c=${AUCTION_CURRENCY}',
    lurl = notice_url('loss', body) .. '?p=${AUCTION_PRICE}&c=${AUCTION_CURRENCY}&l=${AUCTION_LOSS}&m=${AUCTION_MIN_TO_WIN}',
    adm = ('<a href="%s" target="_blank"><img src="%s" alt="" width="%d" height="%d"></a>'):format(
      (click:gsub("&", "&amp;")), 'https://cdn.example/banner-300x250.png', banner.w, banner.h),
    adomain = { 'brand.example' },
    iurl = 'https://cdn.example/banner-300x250.png',
    crid = 'creative-7',
    w = banner.w,
    h = banner.h,
    mtype = 1,
  }
end

function decision.openrtb()
  local request = read()
  local bids = {}
  for _, imp in ipairs(request.imp) do bids[#bids + 1] = banner_bid(request, imp) end
  send(#bids > 0 and { id = request.id, seatbid = { { bid = bids } }, cur = 'USD' } or nil)
end

-- Xandr's platform protocol: strategies/xandr_banner.lua ----------------------------------------------------------

local CREATIVE = { ['300x250'] = 71001, ['728x90'] = 71002 }

local function xandr_bid(info, tag)
  local country, creative = info.country, CREATIVE[tag.size]
  if not WORTH[country] or not creative or BAD_DOMAINS[info.domain] then return nil end
  local price = WORTH[country] * (1 - math.random(0, 10) / 100)
  if (tag.reserve_price or 0) > price then return nil end
  price = math.floor(price * 1000 + 0.5) / 1000
  if not reserve('xandr_banner', price * 1e6) then return nil end
  local body = notice_body('xandr_banner', tag.auction_id_64, price)
  return {
    auction_id_64 = tag.auction_id_64,
    member_id = 4401,
    price = price,
    creative_id = creative,
    custom_notify_data = ngx.encode_base64(body .. ngx.hmac_sha1(SECRET, 'notify' .. body):sub(1, 8), true) .. '.line=4',
    custom_macros = { { name = 'CLICK', value = 'https://go.example/c?src=' .. (info.domain or 'unknown') } },
  }
end

function decision.xandr()
  local request = read().bid_request
  local responses = {}
  for _, tag in ipairs(request.tags) do responses[#responses + 1] = xandr_bid(request.bid_info, tag) end
  send { bid_response = #responses > 0 and { responses = responses } or { no_bid = true } }
end

return decision
