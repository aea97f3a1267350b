-- Bids on all that is offered, with every field that an OpenRTB bid may carry.
local function lists(names, name)
  for _, listed in ipairs(names or {}) do
    if listed == name then return true end
  end
  return not names or #names == 0
end

-- The first deal that the seat may have, and the seat: that of the request, else of the deal.
local function deal_and_seat(req, imp)
  local seat = (req.raw.wseat or {})[1]
  for _, deal in ipairs(imp.raw.pmp and imp.raw.pmp.deals or {}) do
    if not seat or lists(deal.wseat, seat) then return deal.id, seat or (deal.wseat or {})[1] or 'seat-1' end
  end
  return nil, seat
end

local everything = strategy {
  name = 'everything',
  target = { exchange = { 'openrtb' } },
  limits = { max_bid = { cpm = 50 } },
  bid = function(_, req, imp)
    local deal, seat = deal_and_seat(req, imp)
    local bid = {
      price = imp.floor + 5.25, creative_id = 'creative-1', ad_id = '29681', campaign_id = 'campaign-1', deal_id = deal,
      seat = seat,
      advertiser_domains = { 'shop.example' }, categories = { 'IAB3-1', 'IAB19' },
      attributes = { 16, 17 }, expires = 300, -- no request blocks these
      language = 'en', tactic = 't-1', bundle = 'com.tea.example', apis = { 3, 5 },
      media_rating = 1,
      category_taxonomy = 1, width_ratio = 6, height_ratio = 5, slot_in_pod = 1, ext = { note = 'own' },
      click_url = 'https://go.example/?i={imp_id}', url = 'https://go.example/?i={imp_id}',
      image_url = 'https://cdn.example/i.jpg', icon_url = 'https://cdn.example/icon.png', title = 'Tea "hot"',
      description = 'Ünïcode, <b>', imptracker = 'https://t.example/',
    }
    if imp.format == 'video' or imp.format == 'audio' then
      local media = imp.raw[imp.format]
      bid.vast = { impression = 'https://t.example/', duration = (media.minduration or 15) .. 's',
                   media = { { url = 'https://cdn.example/a', type = media.mimes[1], width = 640, height = 360 } } }
    end
    if imp.format == 'native' and imp.raw.native.request:find('...', 1, true) then -- the specification's, cut short
      bid.native = { link = { url = 'https://go.example/' }, assets = { { id = 1, title = { text = 'Tea' } } } }
    end
    return bid
  end,
}

-- The same on Xandr's platform: all that its answer may carry, but for tags of 1x1, which get no bid.
local platform = strategy {
  name = 'platform',
  target = { exchange = { 'xandr' } },
  limits = { max_bid = { cpm = 50 } },
  bid = function(_, _, imp)
    if imp.width == 1 then return nobid 'size' end
    return {
      price = imp.floor + 5.25, member_id = (imp.members or {})[2], creative_id = '71001', deal_id = (imp.deals or {})[1],
      custom_notify_data = 'line=4;c="9"', custom_macros = { LINE = '4', NOTE = 'Ünïcode "quoted"' },
      click_url = 'https://go.example/?u=', pixel_url = 'https://t.example/', pixel_type = 'javascript',
      userdata_js = 'seen(9)',
      segment_actions = { { action = 'add', id = 42, expires_min = 60 }, { action = 'remove', code = 'old', member_id = 4401 } },
    }
  end,
}

local flat = strategy {
  name = 'flat',
  target = { exchange = { 'exoclick' } },
  bid = function(_, _, imp)
    return {
      price = 0.5, model = imp.format == 'email_click' and 'smart_cpc' or 'cpm', title = 'Tea "hot"', description = 'Ünïcode, <b>',
      image_url = 'https://cdn.example/i.jpg', icon_url = 'https://cdn.example/icon.png', url = 'https://go.example/?z={zone_id}',
      click_url = 'https://go.example/?el={email_encoded}', imptracker = 'https://t.example/',
    }
  end,
}

return { everything, platform, flat }
