--- requests.lua - bid requests as the exchanges send them: kit.exoclick.push {}, kit.xandr.native {}, kit.openrtb.video {}.
--
-- Each builder gives `{ method, path, query, body, ip }` for Bidder:bid; what it is given replaces its own fields.
local json = require 'dkjson'
local values = require 'moonbid.kit.values'

local digits, merged = values.digits, values.merged

local requests = { exoclick = {}, xandr = {}, openrtb = {} }

requests.PHONE = 'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) '
  .. 'Chrome/124.0.0.0 Mobile Safari/537.36'

local function urlencode(text)
  return (tostring(text):gsub('[^%w%-%._~]', function(c) return ('%%%02X'):format(c:byte()) end))
end

local function query_of(tokens)
  local names, parts = {}, {}
  for name in pairs(tokens or {}) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = urlencode(name) .. '=' .. urlencode(tokens[name]) end
  return #parts > 0 and table.concat(parts, '&') or nil
end

local exoclick_count = 0

-- `given` overrides any field of the request; `tokens` are parameters of the endpoint's URL, `path` its path.
local function exoclick(kind, extra)
  return function(given)
    given = given or {}
    exoclick_count = exoclick_count + 1
    local fields = merged({
      id = ('00000000-0000-4000-8000-%012d'):format(exoclick_count), type = kind, ip = '192.0.2.1', language = 'en',
      ua = requests.PHONE, url = 'https://pub.example/page', user_id = '57592f333f8983.043587162282415065', export = 'json',
    }, merged(extra or {}, given))
    fields.tokens, fields.path = nil, nil
    return {
      method = 'POST', path = given.path or '/exoclick/bid', query = query_of(given.tokens),
      body = json.encode(fields), ip = fields.ip,
    }
  end
end

requests.exoclick.banner = exoclick('banner', { size = '300x250' })
requests.exoclick.popunder = exoclick 'popunder'
-- A German phone, as the contract's own example of a spec takes it for granted.
requests.exoclick.push = exoclick('push_notification', { size = '192x192', language = 'de' })
requests.exoclick.in_page_push = exoclick('in_page_push_notification', { size = '192x192' })
requests.exoclick.direct_link = exoclick 'direct_link'
requests.exoclick.email_click = exoclick 'email_click'

local xandr_count = 0

--- A platform bid request. Fields of `given`: `tags` (each a table of tag fields; ids as strings keep all digits),
-- `members` (ids), `bid_info`, `path`, and any other top-level field.
function requests.xandr.bid(given)
  given = given or {}
  local tags, members = {}, {}
  for i, tag in ipairs(given.tags or { {} }) do
    xandr_count = xandr_count + 1
    tags[i] = merged({
      auction_id_64 = ('90071992547%08d'):format(xandr_count), id = 550001, size = '300x250', sizes = { '300x250' },
      position = 'above', tag_format = 'iframe',
    }, tag)
    tags[i].auction_id_64 = digits(tags[i].auction_id_64)
  end
  for i, id in ipairs(given.members or { '4401' }) do members[i] = { id = digits(id) } end
  local fields = merged({ timestamp = '2026-03-02 09:00:00', bidder_timeout_ms = 100 }, given)
  fields.tags, fields.members, fields.path = tags, members, nil
  fields.bid_info = merged({
    user_id_64 = digits '9223372036854775806', ip_address = '192.0.2.1', country = 'DE', user_agent = requests.PHONE,
    url = 'https://news.example/a', domain = 'news.example', selling_member_id = 310, within_iframe = false,
  }, given.bid_info)
  return { method = 'POST', path = (given.path or '/xandr') .. '/bid', body = json.encode { bid_request = fields } }
end

-- The same with one tag of a kind; `tag` has fields of the tag, which replace the builder's.
local function xandr_tag(defaults)
  return function(given)
    local fields = merged({}, given)
    fields.tags, fields.tag = { merged(defaults, fields.tag) }, nil
    return requests.xandr.bid(fields)
  end
end

-- What a tag allows, by the exchange's numbers.
requests.xandr.banner = xandr_tag { allowed_media_types = { 1 } }
requests.xandr.video = xandr_tag { tag_format = 'vast', allowed_media_types = { 4 }, size = '640x480', sizes = { '640x480' } }
requests.xandr.native = xandr_tag { allowed_media_types = { 12 } }

local openrtb_count = 0

-- One impression of a media type. Fields of `given`: `imp` (fields of the impression), the media type's own fields under its
-- name (`banner = { w = 728, h = 90 }`), `tokens`, `path`, and any other top-level field, which replaces the builder's.
local function openrtb(media, defaults)
  return function(given)
    given = given or {}
    openrtb_count = openrtb_count + 1
    local imp = merged({ id = '1', secure = 1 }, given.imp)
    if media == 'imp' then imp = merged(defaults, imp) else imp[media] = merged(defaults, given[media]) end
    local fields = merged({
      id = ('%032d'):format(openrtb_count), at = 1, cur = { 'USD' },
      site = { id = '102855', domain = 'pub.example', page = 'https://pub.example/page' },
      device = { ip = '192.0.2.1', ua = requests.PHONE, language = 'en', geo = { country = 'DEU' } }, user = { id = 'u-1' },
    }, given)
    fields[media], fields.tokens, fields.path = nil, nil, nil
    fields.imp = { imp }
    return { method = 'POST', path = given.path or '/openrtb/bid', query = query_of(given.tokens), body = json.encode(fields) }
  end
end

requests.openrtb.banner = openrtb('banner', { w = 300, h = 250 })
requests.openrtb.video = openrtb('video', { w = 640, h = 480, mimes = { 'video/mp4' }, protocols = { 2, 3 } })
requests.openrtb.audio = openrtb('audio', { mimes = { 'audio/mp4' } })
requests.openrtb.native = openrtb('native', { ver = '1.2', request = json.encode { ver = '1.2', assets = {
  { id = 1, required = 1, title = { len = 90 } }, { id = 2, img = { type = 3 } }, { id = 3, data = { type = 2 } },
} } })

-- ExoClick's dialect, hence at an endpoint with `dialect = 'exoclick'`: a full screen without a media type, and e-mail.
requests.openrtb.popunder = openrtb('imp', { instl = 1 })
requests.openrtb.email_click = openrtb('imp', { el = 'reader@mail.example' })

return requests
