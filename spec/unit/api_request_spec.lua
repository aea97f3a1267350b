-- What `req` and `imp` give, field by field, from requests of both exchanges; lua-api section 2.

local kit = require 'moonbid.kit'
local probe = require 'spec.support.probe'
local folders = require 'spec.support.folder'

-- Rows of expression and shown value.
local function check(request, rows, options)
  local expressions, expected = {}, {}
  for i, row in ipairs(rows) do expressions[i] = row[1] end
  local values = probe.values(request, expressions, options)
  for i, row in ipairs(rows) do
    expected[i] = row[1] .. ' = ' .. row[2]
    values[i] = row[1] .. ' = ' .. values[i]
  end
  assert.same(expected, values)
end

local EXOCLICK = {
  id = 'r1', ip = '192.0.2.10', remote_addr = '192.0.2.11', x_forwarded_for = '192.0.2.12', language = 'fr', sub = 112233,
  keyword = 'travel', url = 'https://Pub.Example/page?x=1', user_id = 'u1.2',
  tokens = { zone_id = '778899', site_id = '4321', src_hostname = 'src.example', own = 'a b&c', tags = '{tags}' },
}

describe('req of ExoClick', function()
  it('has every field that the exchange sends or that follows from it', function()
    check(kit.exoclick.banner(EXOCLICK), {
      { 'req.id', '"r1"' }, { 'req.exchange', '"exoclick"' }, { 'type(req.endpoint)', '"string"' }, { 'req.test', 'false' },
      { 'req.debug', 'false' }, { 'type(req.timeout_ms)', '"number"' }, { '#req.imps', '1' },
      { 'req.imps[1].id == imp.id', 'true' },
      { 'req.imps[0]', 'nil' }, { 'req.imps[2]', 'nil' },
      { 'req.site.id', '"4321"' }, { 'req.site.zone_id', '"778899"' }, { 'req.site.sub', '"112233"' },
      { 'req.site.domain', '"src.example"' }, { 'req.site.page', '"https://Pub.Example/page?x=1"' },
      { 'req.device.ip', '"192.0.2.10"' }, { 'req.device.remote_ip', '"192.0.2.11"' },
      { 'req.device.forwarded_for', '"192.0.2.12"' }, { 'req.device.ua:match "Pixel 8"', '"Pixel 8"' },
      { 'req.device.os', '"android"' }, { 'req.device.os_version', '"14"' }, { 'req.device.type', '"phone"' },
      { 'req.device.browser', '"chrome"' }, { 'req.device.language', '"fr"' },
      { 'req.geo.country', '"DE"' }, { 'req.user.id', '"u1.2"' }, { 'req.user.keyword', '"travel"' },
      { 'req.tokens.zone_id', '"778899"' }, { 'req.tokens.own', '"a b&c"' }, { 'req.tokens.src_hostname', '"src.example"' },
      { 'req.tokens.tags', 'nil' }, { 'req.tokens.other', 'nil' },
      { 'imp.format', '"banner"' }, { 'imp.width', '300' }, { 'imp.height', '250' }, { 'imp.sizes', '["300x250"]' },
      { 'imp.floor', '0' }, { 'imp.floor_wire', '0' },
      { 'req.raw.id', '"r1"' }, { 'req.raw.sub', '112233' }, { 'req.raw.nothing', 'nil' },
    }, { geo = { ['192.0.2.10'] = 'DE' } })
  end)

  it('has nil for what is absent, and all sub-tables', function()
    check(kit.exoclick.popunder { language = '' }, {
      { '{ type(req.site), type(req.app), type(req.device), type(req.geo) }', '["userdata" "userdata" "userdata" "userdata"]' },
      { '{ type(req.user), type(req.tokens), type(req.regs) }', '["userdata" "userdata" "userdata"]' },
      { 'type(req.blocked)', '"userdata"' },
      { 'req.site.id', 'nil' }, { 'req.site.zone_id', 'nil' }, { 'req.site.sub', 'nil' }, { 'req.site.name', 'nil' },
      { 'req.site.referrer', 'nil' }, { 'req.site.categories', 'nil' }, { 'req.site.keywords', 'nil' },
      { 'req.site.publisher_id', 'nil' }, { 'req.app.id', 'nil' }, { 'req.app.bundle', 'nil' }, { 'req.app.name', 'nil' },
      { 'req.app.domain', 'nil' }, { 'req.device.remote_ip', 'nil' }, { 'req.device.forwarded_for', 'nil' },
      { 'req.geo.country', 'nil' }, { 'req.geo.region', 'nil' }, { 'req.geo.city', 'nil' }, { 'req.geo.zip', 'nil' },
      { 'req.geo.lat', 'nil' }, { 'req.geo.lon', 'nil' }, { 'req.user.buyer_id', 'nil' }, { 'req.user.gender', 'nil' },
      { 'req.user.year_of_birth', 'nil' }, { 'req.user.keyword', 'nil' }, { 'req.user.segments', 'nil' },
      { 'req.user.data', 'nil' }, { 'req.user.email_hash', 'nil' }, { 'req.user.opted_out', 'false' },
      { 'req.regs.gdpr', 'nil' }, { 'req.regs.coppa', 'nil' }, { 'req.regs.us_privacy', 'nil' }, { 'req.regs.gpp', 'nil' },
      { 'req.regs.consent', 'nil' }, { 'req.blocked.categories', 'nil' }, { 'req.blocked.domains', 'nil' },
      { 'req.blocked.creatives', 'nil' }, { 'req.blocked.brands', 'nil' }, { 'req.misspelt', 'nil' },
      { 'imp.width', 'nil' }, { 'imp.height', 'nil' }, { 'imp.deals', 'nil' }, { 'imp.members', 'nil' },
      { 'imp.tag_id', 'nil' }, { 'imp.position', 'nil' }, { 'imp.estimated_price', 'nil' },
    })
  end)

  it("knows the exchanges' words for an unknown user", function()
    for _, id in ipairs { '', '0', '-1' } do check(kit.exoclick.banner { user_id = id }, { { 'req.user.id', 'nil' } }) end
  end)

  it('never offers the e-mail address, only a hash', function()
    local sent = 'dXNlckBleGFtcGxlLm9yZw=='
    local values = probe.values(kit.exoclick.banner { type = 'email_click', size = nil, el = sent },
      { 'req.user.email_hash', 'req.raw.el', 'req.user.email', 'req.user.el' })
    assert.matches('^"%x+"$', values[1])
    assert.same({ 'nil', 'nil', 'nil' }, { values[2], values[3], values[4] })
  end)

  it('keeps zero bytes and every digit', function()
    local request = kit.exoclick.banner { keyword = 'a\0b' }
    request.body = request.body:gsub('^{',
      '{"big_id":9007199254740993,"n":9007199254740993,"most":9007199254740991,"m_id_64":7,"small":7,')
    check(request, {
      { '#req.user.keyword', '3' }, { 'req.raw.big_id', '"9007199254740993"' },
      { 'req.raw.n', '"9007199254740993"' }, { 'req.raw.most', '9.007199254741e+15' },
      { 'req.raw.m_id_64', '"7"' }, { 'req.raw.small', '7' },
    })
  end)
end)

describe('req of Xandr', function()
  it('has every field that the exchange sends or that follows from it', function()
    local request = kit.xandr.bid {
      bidder_timeout_ms = 150, members = { '4401', '9007199254740993' },
      tags = {
        { auction_id_64 = '9007199254740995', id = 13, sizes = { '728x90', '300x250' }, size = '728x90', reserve_price = 1.5 }, {},
      },
      bid_info = { region = 'BE', city = 'Berlin', segments = { { id = 103 }, { id = 104 } }, gender = 'male', publisher_id = 310 },
    }
    check(request, {
      { 'req.exchange', '"xandr"' }, { '#req.imps', '2' }, { 'req.timeout_ms', '150' }, { 'req.geo.country', '"DE"' },
      { 'req.geo.region', '"BE"' }, { 'req.geo.city', '"Berlin"' }, { 'req.site.domain', '"news.example"' },
      { 'req.site.page', '"https://news.example/a"' }, { 'req.site.publisher_id', '"310"' },
      { 'req.device.ip', '"192.0.2.1"' }, { 'req.device.os', '"android"' }, { 'req.device.type', '"phone"' },
      { 'req.user.id', '"9223372036854775806"' }, { 'req.user.gender', '"male"' }, { 'req.user.segments', '["103" "104"]' },
      { 'imp.id', '"9007199254740995"' }, { 'imp.tag_id', '"13"' }, { 'imp.members', '["4401" "9007199254740993"]' },
      { 'imp.sizes', '["728x90" "300x250"]' }, { 'imp.width', '728' }, { 'imp.floor', '1.5' }, { 'imp.position', '"above"' },
      { 'imp.raw.auction_id_64', '"9007199254740995"' }, { 'imp.raw.id', '"13"' }, { 'imp.raw.reserve_price', '1.5' },
      { 'req.raw.bid_request.bid_info.city', '"Berlin"' }, { '#req.raw.bid_request.tags', '2' },
      { 'req.raw.bid_request.members[2].id', '"9007199254740993"' }, { 'req.site.zone_id', 'nil' }, { 'req.tokens.x', 'nil' },
    })
  end)

  it('has no user id where the exchange knows none', function()
    for _, id in ipairs { 0, -1 } do
      check(kit.xandr.bid { bid_info = { user_id_64 = id } }, { { 'req.user.id', 'nil' } })
    end
  end)
end)

describe('req and its parts', function()
  local folder
  before_each(function() folder = folders.new() end)
  after_each(function() folder:remove() end)

  it('are read-only', function()
    local rows = {}
    for _, place in ipairs { 'req.id', 'req.new', 'req.site.id', 'req.app.id', 'req.device.os', 'req.geo.country', 'req.user.id',
      'req.tokens.zone_id', 'req.regs.gdpr', 'req.blocked.domains', 'req.imps[1]', 'imp.floor', 'imp.sizes[1]', 'req.raw.id',
      'ctx.now' } do
      rows[#rows + 1] = { ("(function() local ok, text = pcall(function() %s = 'x' end) "
        .. "return tostring(ok) .. tostring(text):match(' is read%%-only') end)()"):format(place), '"false is read-only"' }
    end
    check(kit.exoclick.banner(EXOCLICK), rows)
  end)

  it('raise when used after their request', function()
    local parts = { 'req', 'req.site', 'req.tokens', 'req.imps', 'imp', 'imp.sizes', 'req.raw' }
    for _, part in ipairs(parts) do
      folder:strategy('', ([[
        if not KEPT.it then KEPT.it = %s return nobid 'kept' end
        local ok, text = pcall(function() return KEPT.it[1] or KEPT.it.id end)
        return nobid(ok and 'no_error' or text:find 'used after its call ended' and 'raised' or 'other')]]):format(part))
      local file = io.open(folder.path .. '/strategies/probe.lua')
      local text = file:read '*a'
      file:close()
      folder:write('strategies/probe.lua', 'local KEPT = {}\n' .. text)
      local bidder = folder:load()
      assert.nobids(bidder:bid(kit.exoclick.banner(EXOCLICK)), 'kept')
      assert.nobids(bidder:bid(kit.exoclick.banner(EXOCLICK)), 'raised')
    end
  end)

  it('are walked in sorted order', function()
    check(kit.exoclick.banner(EXOCLICK), {
      { "(function() local l = {} for k in pairs(req.tokens) do l[#l + 1] = k end return table.concat(l, ' ') end)()",
        '"own site_id src_hostname zone_id"' },
      { "(function() local l = {} for i, s in ipairs(imp.sizes) do l[i] = s end return table.concat(l, ' ') end)()", '"300x250"' },
      { "(function() local l = {} for k in pairs(req.app) do l[#l + 1] = k end return #l end)()", '0' },
    })
  end)
end)
