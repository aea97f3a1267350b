-- Every key of `target`, on every exchange that can send it: a value that matches, one that does not, and none at all;
-- as an include and an exclude, written out and as a file.

local kit = require 'moonbid.kit'
local folders = require 'spec.support.folder'

local function exoclick(fields) return kit.exoclick.banner(fields) end
local function xandr(tag, info) return kit.xandr.bid { tags = { tag or {} }, bid_info = info } end
local function openrtb(fields) return kit.openrtb.banner(fields) end

local function site(fields)
  fields.id = fields.id or '102855'
  return openrtb { site = fields }
end

local UA = 'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) '
  .. 'Chrome/124.0.0.0 Mobile Safari/537.36'

local function device(fields)
  fields.ip = fields.ip or '198.51.100.1'
  return openrtb { device = fields }
end

-- key, exchange, a value of the request, another one, the request, the request without it (nil: it always has one)
local ROWS = {
  { 'exchange', 'exoclick', 'exoclick', 'xandr', exoclick {} },
  { 'exchange', 'xandr', 'xandr', 'openrtb', xandr() },
  { 'exchange', 'openrtb', 'openrtb', 'exoclick', openrtb {} },
  { 'endpoint', 'exoclick', 'exoclick', 'xandr', exoclick {} },
  { 'endpoint', 'xandr', 'xandr', 'openrtb', xandr() },
  { 'endpoint', 'openrtb', 'openrtb', 'exoclick', openrtb {} },
  { 'format', 'exoclick', 'push', 'banner', kit.exoclick.push {} },
  { 'format', 'xandr', 'video', 'banner', xandr { tag_format = 'vast' } },
  { 'format', 'openrtb', 'native', 'banner', kit.openrtb.native {} },
  { 'size', 'exoclick', '728x90', '300x250', exoclick { size = '728x90' }, exoclick { size = '' } },
  { 'size', 'xandr', '728x90', '160x600', xandr { sizes = { '300x250', '728x90' } }, xandr { sizes = {}, size = '' } },
  { 'size', 'openrtb', '728x90', '160x600', openrtb { banner = { format = { { w = 300, h = 250 }, { w = 728, h = 90 } } } },
    openrtb { banner = { w = 0, h = 0 } } },
  { 'country', 'exoclick', 'DE', 'AT', exoclick { ip = '192.0.2.10' }, exoclick { ip = '198.51.100.1' } },
  { 'country', 'xandr', 'DE', 'AT', xandr({}, { country = 'DE' }), xandr({}, { country = '', ip_address = '198.51.100.1' }) },
  { 'country', 'openrtb', 'DE', 'AT', device { geo = { country = 'DEU' } }, device {} },
  { 'region', 'xandr', 'by', 'be', xandr({}, { region = 'BY' }), xandr({}, { region = '' }) },
  { 'region', 'openrtb', 'by', 'be', device { geo = { region = 'BY' } }, device {} },
  { 'city', 'xandr', 'ulm', 'hof', xandr({}, { city = 'Ulm' }), xandr({}, { city = '' }) },
  { 'city', 'openrtb', 'ulm', 'hof', device { geo = { city = 'Ulm' } }, device {} },
  { 'device', 'exoclick', 'phone', 'tv', exoclick { ua = UA }, exoclick { ua = '' } },
  { 'device', 'xandr', 'tablet', 'tv', xandr({}, { device_type = 3, user_agent = '' }), xandr({}, { user_agent = '' }) },
  { 'device', 'openrtb', 'tv', 'phone', device { devicetype = 3 }, device {} },
  { 'os', 'exoclick', 'android', 'ios', exoclick { ua = UA }, exoclick { ua = '' } },
  { 'os', 'xandr', 'android', 'ios', xandr({}, { user_agent = UA }), xandr({}, { user_agent = '' }) },
  { 'os', 'openrtb', 'ios', 'android', device { os = 'iOS' }, device {} },
  { 'browser', 'exoclick', 'chrome', 'safari', exoclick { ua = UA }, exoclick { ua = '' } },
  { 'browser', 'xandr', 'chrome', 'safari', xandr({}, { user_agent = UA }), xandr({}, { user_agent = '' }) },
  { 'browser', 'openrtb', 'chrome', 'safari', device { ua = UA }, device {} },
  { 'language', 'exoclick', 'de', 'en', exoclick { language = 'de' }, exoclick { language = '' } },
  { 'language', 'xandr', 'de', 'en', xandr({}, { accepted_languages = 'de-AT' }), xandr() },
  { 'language', 'openrtb', 'de', 'en', device { language = 'de' }, device {} },
  { 'zone', 'exoclick', '77', '78', exoclick { tokens = { zone_id = '77' } }, exoclick {} },
  { 'zone', 'openrtb', '77', '78', site { ext = { idzone = 77 } }, site {} },
  { 'site', 'exoclick', '77', '78', exoclick { tokens = { site_id = '77' } }, exoclick {} },
  { 'site', 'xandr', '77', '78', xandr { site_id = 77 }, xandr() },
  { 'site', 'openrtb', '77', '78', site { id = '77' }, openrtb { site = { domain = 'x.example' } } },
  { 'domain', 'exoclick', 'pub.example', 'b.example', exoclick { url = 'https://www.Pub.example/x' }, exoclick { url = '' } },
  { 'domain', 'xandr', 'pub.example', 'b.example', xandr({}, { domain = 'www.pub.example' }), xandr({}, { domain = '' }) },
  { 'domain', 'openrtb', 'pub.example', 'b.example', site { domain = 'pub.example' }, site {} },
  { 'app', 'xandr', '77', '78', xandr({}, { app_id = 77 }), xandr() },
  { 'app', 'openrtb', 'com.a', 'com.b', openrtb { app = { bundle = 'com.a' }, site = false },
    openrtb { app = { name = 'x' }, site = false } },
  { 'tag', 'xandr', '77', '78', xandr { id = 77 }, xandr { id = '' } },
  { 'tag', 'openrtb', '77', '78', openrtb { imp = { tagid = '77' } }, openrtb {} },
  { 'deal', 'xandr', '77', '78', xandr { deals = { { id = 76 }, { id = 77 } } }, xandr() },
  { 'deal', 'openrtb', 'd77', 'd78', openrtb { imp = { pmp = { deals = { { id = 'd77' } } } } }, openrtb {} },
  { 'segment', 'xandr', '77', '78', xandr({}, { segments = { { id = 77 } } }), xandr() },
  { 'segment', 'openrtb', '77', '78', openrtb { user = { data = { { segment = { { id = '77' } } } } } }, openrtb {} },
  { 'keyword', 'exoclick', 'red tea', 'tea', exoclick { keyword = 'Red tea, cars' }, exoclick {} },
  { 'keyword', 'openrtb', 'red tea', 'tea', site { keywords = 'cars,red tea' }, site {} },
  { 'category', 'xandr', '77', '78', xandr({}, { inventory_audits = { { content_categories = { 77 } } } }), xandr() },
  { 'category', 'openrtb', 'IAB1-2', 'IAB1', site { cat = { 'IAB1-2' } }, site {} },
}

local STRATEGIES = [[
local function one(name, target)
  return strategy { name = name, target = target, bid = function() return nobid 'asked' end }
end
return {
  one('in', { KEY = { HIT } }), one('other_in', { KEY = { MISS } }), one('both_in', { KEY = { MISS, HIT } }),
  one('out', { exclude = { KEY = { HIT } } }), one('other_out', { exclude = { KEY = { MISS } } }),
  one('file_in', { KEY = list 'hit.txt' }), one('other_file_in', { KEY = list 'miss.txt' }),
  one('file_out', { exclude = { KEY = list 'hit.txt' } }), one('other_file_out', { exclude = { KEY = list 'miss.txt' } }),
  one('long_in', { KEY = LONG_HIT }), one('long_out', { exclude = { KEY = LONG_HIT } }),
}]]

local PRESENT = { ['in'] = true, both_in = true, file_in = true, long_in = true, other_out = true, other_file_out = true }
local ABSENT = { out = true, other_out = true, file_out = true, other_file_out = true, long_out = true }

-- Keys of which a file may hold anything.
local OPEN = { region = true, city = true, os = true, browser = true, language = true, zone = true, site = true, domain = true,
  app = true, tag = true, deal = true, segment = true, keyword = true, category = true }

describe('a target', function()
  local folder
  before_each(function() folder = folders.new() end)
  after_each(function() folder:remove() end)

  local function asked(bidder, request)
    local set = {}
    for _, nobid in ipairs(bidder:bid(request).nobids) do
      if nobid.reason == 'asked' then set[nobid.strategy] = true end
    end
    return set
  end

  for _, row in ipairs(ROWS) do
    local key, exchange, hit, miss, request, without = unpack(row, 1, 6)
    it(('takes %s on %s'):format(key, exchange), function()
      local filler = {}
      for i = 1, OPEN[key] and 3000 or 0 do filler[i] = 'filler' .. i end
      folder:write('lists/hit.txt', hit .. '\n')
      folder:write('lists/miss.txt', miss .. '\n')
      folder:write('lists/long.txt', hit .. '\n' .. table.concat(filler, '\n'))
      folder:write('strategies/a.lua', (STRATEGIES:gsub('LONG_HIT', "list 'long.txt'"):gsub('KEY', key)
        :gsub('HIT', ('%q'):format(hit)):gsub('MISS', ('%q'):format(miss))))
      local bidder = folder:load { now = '2026-03-02T09:00:00Z', geo = { ['192.0.2.10'] = 'DE' } }
      assert.same(PRESENT, asked(bidder, request))
      if without then assert.same(ABSENT, asked(bidder, without)) end
    end)
  end

  it('takes hours', function()
    local lines = {}
    for name, target in pairs {
      ['in'] = "{ hours = { 'mon 08:00-10:00' } }", union = "{ hours = { 'sun', '08:45-09:15' } }", other = "{ hours = { 'tue' } }",
      out = "{ exclude = { hours = { 'mon' } } }", other_out = "{ exclude = { hours = { 'mon 10:00-08:45' } } }",
      night = "{ hours = { 'sun 22:00-09:15' } }", late = "{ hours = { 'mon 09:15-10:00' } }",
    } do
      lines[#lines + 1] = ("strategy { name = '%s', target = %s, bid = function() return nobid 'asked' end }"):format(name, target)
    end
    folder:write('strategies/a.lua', 'return {' .. table.concat(lines, ',\n') .. '}')
    local bidder = folder:load { now = '2026-03-02T09:00:00Z' } -- a Monday
    assert.same({ ['in'] = true, union = true, other_out = true, night = true }, asked(bidder, exoclick {}))
    bidder:advance '15m'
    assert.same({ ['in'] = true, late = true, other_out = true }, asked(bidder, exoclick {}))
  end)
end)

describe('a target that can never be met', function()
  local folder
  before_each(function() folder = folders.new() end)
  after_each(function() folder:remove() end)

  local EXOCLICK, XANDR = "exchange = { 'exoclick' }, ", "endpoint = { 'xandr' }, "

  for target, expected in pairs {
    [EXOCLICK .. "tag = { '1' }"] = 'target.tag: can never be met: ExoClick sends no tag; it has zones',
    [EXOCLICK .. "app = { '1' }"] = 'target.app: can never be met: ExoClick sends no app',
    [EXOCLICK .. "deal = { '1' }"] = 'target.deal: can never be met: ExoClick sends no deal',
    [EXOCLICK .. "segment = list 'x.txt'"] = 'target.segment: can never be met: ExoClick sends no segment',
    [EXOCLICK .. "category = { '1' }"] = 'target.category: can never be met: ExoClick sends no category; it has keywords',
    [EXOCLICK .. "format = { 'native', 'video' }"] = 'target.format: can never be met: ExoClick sends none of these formats',
    [XANDR .. "zone = { '1' }"] = 'target.zone: can never be met: Xandr sends no zone; it has tags',
    [XANDR .. "format = { 'push' }"] = 'target.format: can never be met: Xandr sends none of these formats',
    ["exclude = { exchange = { 'openrtb', 'exoclick' } }, zone = { '1' }"] = 'target.zone: can never be met: Xandr sends no zone',
    ["exchange = { 'openrtb' }, format = { 'push' }"] = 'target.format: can never be met: OpenRTB sends none of these formats',
  } do
    it('is refused: ' .. target, function()
      folder:write('lists/x.txt', '1\n')
      folder:strategy('target = { ' .. target .. ' },', "return nobid 'asked'")
      local ok, message = pcall(folder.load, folder, { geo = { ['192.0.2.10'] = 'DE' } })
      assert.is_false(ok, 'it loads')
      assert.matches(expected, message, 1, true)
    end)
  end

  for _, target in ipairs {
    "tag = { '1' }", "zone = { '1' }", "exchange = { 'exoclick', 'openrtb' }, tag = { '1' }",
    EXOCLICK .. "format = { 'native', 'push' }", EXOCLICK .. "exclude = { tag = { '1' } }",
  } do
    it('is none where one endpoint can meet it: ' .. target, function()
      folder:strategy('target = { ' .. target .. ' },', "return nobid 'asked'")
      folder:load { geo = { ['192.0.2.10'] = 'DE' } }
    end)
  end
end)
