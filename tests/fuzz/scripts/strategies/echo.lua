-- echo.lua - bids on everything, and says in its bids what strangers said in the request: what the fuzzer of the whole
-- bidder loads. Words in the keyword (ExoClick, OpenRTB) or the gender (Xandr) make it misbehave.

local function said(req)
  return req.user.keyword or req.user.gender or req.site.page or req.user.id or 'nothing'
end

-- Every value of a view down to a depth, as text.
local function read(value, depth)
  if type(value) ~= 'table' and type(value) ~= 'userdata' then return #tostring(value) end
  local sum = 0
  if depth > 0 then
    for key, member in pairs(value) do sum = sum + #tostring(key) + read(member, depth - 1) end
  end
  return sum
end

local function misbehave(word)
  if word == 'raise' then error({}) end
  if word == 'nobid' then return nobid 'word' end
  if word == 'number' then return 7 end
  if word == 'many' then return { { price = 1 }, { price = 2 }, {} } end
  if word == 'nan' then return { price = 0 / 0 } end
end

local function notify(ctx, event)
  ctx.incr('events', 1, '1h')
  return read(event, 3) + #tostring(event.custom_data) + #tostring(event.raw)
end

local tokens = {
  said = function(_, req) return said(req) end,
  sub = function(_, req) return req.site.sub end,
  broken = function() error('no token') end,
}

return {
  strategy {
    name = 'echo_exoclick',
    target = { exchange = { 'exoclick' }, exclude = { language = { 'xx' } } },
    limits = { max_bid = { cpm = 1000, cpc = 1000 } },
    track_clicks = true,
    tokens = tokens,
    bid = function(ctx, req, imp)
      local word = said(req)
      local wrong = misbehave(word)
      if wrong then return wrong end
      ctx.note('read', read(req.raw, 4) + read(imp.sizes, 2) + read(req.tokens, 1))
      return {
        price = 0.5 + ctx.random(), model = imp.format == 'email_click' and 'cpc' or 'cpm', ecpm = 1,
        click_url = 'https://go.example/c?said={said}&zone={zone_id}&sub={sub}&t={click_token}&b={broken}&x={email_encoded}',
        image_url = 'https://cdn.example/{said:raw}', icon_url = 'https://cdn.example/i.png',
        url = 'https://go.example/{url:raw}', title = word, description = '{said} {user_id} {domain}', data = req.site.sub,
      }
    end,
    on_notify = notify,
  },
  strategy {
    name = 'echo_xandr',
    target = { exchange = { 'xandr' } },
    limits = { max_bid = { cpm = 1000 }, frequency = { count = 1000, per = '1h', key = { 'user', 'site' } } },
    tokens = tokens,
    bid = function(ctx, req, imp)
      local wrong = misbehave(said(req))
      if wrong then return wrong end
      ctx.note('read', read(req.raw, 6) + read(imp.deals, 2) + read(imp.raw, 3))
      return {
        price = imp.floor + 1, creative_id = '29681', member_id = (imp.members or {})[1] or '4401', deal_id = (imp.deals or {})[1],
        custom_notify_data = said(req), custom_macros = { SAID = req.geo.city or 'x' },
        click_url = 'https://go.example/c?said={said}&i={imp_id}', userdata_js = req.user.data,
      }
    end,
    on_notify = notify,
    on_win = notify,
  },
  strategy {
    name = 'echo_openrtb',
    target = { exchange = { 'openrtb' } },
    limits = { max_bid = { cpm = 1000 } },
    tokens = tokens,
    bid = function(ctx, req, imp)
      local word = said(req)
      local wrong = misbehave(word)
      if wrong then return wrong end
      ctx.note('read', read(req.raw, 6) + read(imp.deals, 2) + read(imp.raw, 3) + read(req.regs, 1))
      return {
        price = imp.floor + 1, creative_id = word, deal_id = (imp.deals or {})[1], seat = req.app.name,
        markup = imp.format == 'banner' and word ~= 'fields' and '<a href="{{said}}">{{broken}}</a>' or nil,
        native = word == 'document'
          and { link = { url = '{{said}}' }, assets = { { id = 1, title = { text = '{{sub}}' } } } } or nil,
        vast = '<VAST><Ad id="{{said}}"/></VAST>', title = word, description = '{said}',
        image_url = 'https://cdn.example/{said:raw}',
        icon_url = 'https://cdn.example/i.png', click_url = 'https://go.example/c?said={said}', url = 'https://go.example/{said}',
        custom_macros = { SAID = req.geo.city or 'x' }, ext = { said = word },
      }
    end,
    on_notify = notify,
    on_win = notify,
    on_loss = notify,
  },
}
