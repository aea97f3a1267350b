-- moonbid.kit beyond one request: builders of every format, tables of prices, whole answers, golden ones, what a call costs.

local kit = require 'moonbid.kit'
local golden = require 'moonbid.kit.golden'
local folders = require 'spec.support.folder'

describe('moonbid.kit', function()
  local folder, kept_folder
  before_each(function()
    folder = folders.new()
    kept_folder, golden.folder = golden.folder, folder.path .. '/golden'
  end)
  after_each(function()
    golden.folder = kept_folder
    folder:remove()
  end)

  local function refusal(f, ...)
    local ok, message = pcall(f, ...)
    assert.is_false(ok, 'nothing was raised')
    return tostring(message)
  end

  describe('builders', function()
    -- Each says its format as the no-bid's reason, and stands at an endpoint of its exchange.
    local CONFIG = [[return { currency = 'USD', endpoints = {
      { name = 'e', path = '/exoclick/bid', exchange = 'exoclick', currency = 'USD' },
      { name = 'x', path = '/xandr', exchange = 'xandr' },
      { name = 'o', path = '/openrtb/bid', exchange = 'openrtb' },
      { name = 'eo', path = '/eo', exchange = 'openrtb', dialect = 'exoclick' },
      { name = 'xo', path = '/xo', exchange = 'openrtb', dialect = 'xandr' } } }]]

    for exchange, formats in pairs {
      exoclick = 'banner popunder push in_page_push direct_link email_click', xandr = 'banner video native',
      openrtb = 'banner video audio native',
    } do
      for format in formats:gmatch '%S+' do
        it(('make %s of %s'):format(format, exchange), function()
          folder:strategy('', "return nobid(req.exchange .. '_' .. imp.format)")
          assert.nobids(folder:load():bid(kit[exchange][format]()), exchange .. '_' .. format)
        end)
      end
    end

    it('speak the dialects of OpenRTB', function()
      folder:write('conf.lua', CONFIG)
      folder:strategy('', "return nobid(req.endpoint .. '_' .. imp.format)")
      local bidder = folder:load { config = folder.path .. '/conf.lua' }
      for _, row in ipairs {
        { 'popunder', '/eo', 'eo_popunder' }, { 'email_click', '/eo', 'eo_email_click' }, { 'native', '/eo', 'eo_native' },
        { 'banner', '/xo', 'xo_banner' }, { 'video', '/xo', 'xo_video' },
      } do
        assert.nobids(bidder:bid(kit.openrtb[row[1]] { path = row[2] }), row[3])
      end
    end)

    it('take fields of the tag and of the impression', function()
      folder:strategy('', "return nobid('t' .. imp.tag_id .. '_' .. imp.width)")
      assert.nobids(folder:load():bid(kit.xandr.banner { tag = { id = 7, size = '728x90', sizes = { '728x90' } } }), 't7_728')
      folder:strategy('', "return nobid('f' .. imp.floor * 100)")
      assert.nobids(folder:load():bid(kit.openrtb.banner { imp = { bidfloor = 0.25 } }), 'f25')
    end)
  end)

  describe('assert.answers', function()
    local answer
    before_each(function()
      folder:strategy('', [[
        if req.user.keyword == 'no' then return nobid 'keyword' end
        return { price = 0.5, image_url = 'https://cdn.example/i.png', click_url = 'https://go.example/' }]])
      answer = folder:load():bid(kit.exoclick.banner())
    end)

    it('holds', function()
      assert.answers(folder:load { now = 0 }:bid(kit.exoclick.banner { keyword = 'no' }), { bids = 0, body = '' })
      assert.answers(answer, 200)
      assert.answers(answer, { status = 200, bids = 1, body = 'cdn.example', content_type = 'application/json' })
    end)

    it('fails, and says all that is wrong', function()
      assert.matches('not answered as expected: status is 200, expected 204', refusal(assert.answers, answer, 204), 1, true)
      local message = refusal(assert.answers, answer, { bids = 2, status = 204, body = 'none.example' })
      assert.matches('bids is 1, expected 2; body is ', message, 1, true)
      assert.matches('expected in it none.example; status is 200, expected 204', message, 1, true)
      assert.matches("an answer has no 'sttus'", refusal(assert.answers, answer, { sttus = 1 }), 1, true)
      assert.matches('body: a text is expected, got a number', refusal(assert.answers, answer, { body = 1 }), 1, true)
      assert.matches('a status or a table is expected, got a nil', refusal(assert.answers, answer), 1, true)
      assert.matches('an answer of bidder:bid is expected, got a string', refusal(assert.answers, 'x', 1), 1, true)
    end)
  end)

  describe('assert.prices', function()
    local bidder
    local function floor(value) return kit.openrtb.banner { imp = { bidfloor = value } } end
    before_each(function()
      folder:strategy('', [[
        if imp.floor > 2 then return nobid 'dear' end
        return { price = math.max(0.8, imp.floor), markup = '<b>', creative_id = 'c' }]])
      bidder = folder:load()
    end)

    it('holds', function()
      assert.prices(bidder, {
        { floor(0), price = 0.8 }, { floor(1.5), price = 1.5, strategy = 'probe', name = 'above ours' },
        { floor(2.01), nobid = 'dear' },
      })
    end)

    it('fails, and tells every row that is wrong', function()
      local message = refusal(assert.prices, bidder, {
        { floor(0), price = 0.9, name = 'no floor' }, { floor(1), price = 1 }, { floor(3), price = 3 },
        { floor(1), nobid = 'dear' },
      })
      assert.matches('3 of 4 prices are not as expected:', message, 1, true)
      assert.matches('row 1 (no floor): expected 0.9, got 0.8', message, 1, true)
      assert.matches('row 3: expected 3, got no bid: probe: dear', message, 1, true)
      assert.matches("row 4: expected no bid because of 'dear', got 1", message, 1, true)
    end)

    it('tells a wrong row from a failed one', function()
      for _, rows in ipairs { { {} }, { { floor(0) } }, { { floor(0), price = '1' } }, { { floor(0), price = 1, nobid = 'x' } } } do
        assert.matches('row 1: { request, price = NUMBER } or { request, nobid = REASON } is expected',
          refusal(assert.prices, bidder, rows), 1, true)
      end
      assert.matches('got an empty one', refusal(assert.prices, bidder, {}), 1, true)
      assert.matches('a bidder of kit.load is expected', refusal(assert.prices, {}, {}), 1, true)
    end)
  end)

  describe('golden answers', function()
    local function answer(price)
      folder:strategy('', ("return { price = %s, image_url = 'https://cdn.example/i.png', click_url = 'https://go.example/' }")
        :format(price))
      return folder:load():bid(kit.exoclick.banner())
    end

    -- Writes as MOONBID_UPDATE_GOLDEN=1 does.
    local function update(name, a)
      local getenv = os.getenv
      os.getenv = function(key) return key == 'MOONBID_UPDATE_GOLDEN' and '1' or getenv(key) end -- luacheck: ignore 122
      local ok, message = pcall(assert.golden, a, name)
      os.getenv = getenv -- luacheck: ignore 122
      assert(ok, message)
    end

    it('are the same again, whatever the request is called', function()
      update('banner', answer(0.5))
      assert.golden(answer(0.5), 'banner')
    end)

    it('show what differs, by line', function()
      update('banner', answer(0.5))
      local message = refusal(assert.golden, answer(0.75), 'banner')
      assert.matches('MOONBID_UPDATE_GOLDEN=1 takes it', message, 1, true)
      assert.matches('line %d+\n    kept: [^\n]*0%.5[^\n]*\n    now:  [^\n]*0%.75', message)
    end)

    it('are asked for before they are there', function()
      assert.matches('golden/none.txt: MOONBID_UPDATE_GOLDEN=1 writes it', refusal(assert.golden, answer(0.5), 'none'), 1, true)
    end)

    it('take no path for a name', function()
      for _, name in ipairs { '../x', '', 'a b' } do
        assert.matches('the name of a file is expected', refusal(assert.golden, answer(0.5), name), 1, true)
      end
    end)

    it('keep order and digits of JSON', function()
      local text = golden.text {
        http = { status = 200, content_type = 'application/json', body = '{"b":9007199254740993,"a":["x\\"{,",{}]}' },
        request = {},
      }
      assert.equal('HTTP 200 application/json\n{\n  "b": 9007199254740993,\n  "a": [\n    "x\\"{,",\n    {}\n  ]\n}\n', text)
    end)
  end)

  describe('cost', function()
    local function cost(body)
      folder:strategy('', body)
      local bidder, costs = folder:load { cost = true }, {}
      for i = 1, 4 do costs[i] = kit.cost(bidder:bid(kit.exoclick.banner { id = '00000000-0000-4000-8000-000000000001' })) end
      return costs
    end

    it('repeats exactly, and is more for who makes more', function()
      local small = cost "return nobid 'small'"
      local large = cost "local t = {} for i = 1, 100 do t[i] = { i } end return nobid 'large'"
      assert.same(small, cost "return nobid 'small'")
      assert.same(large, cost "local t = {} for i = 1, 100 do t[i] = { i } end return nobid 'large'")
      assert.equal(small[3], small[4])
      assert.equal(large[3], large[4])
      assert.is_true(large[4] > small[4] + 100 * 16)
    end)

    it('is told of one strategy, and only where it was measured', function()
      folder:strategy('', "return nobid 'x'")
      local answer = folder:load { cost = true }:bid(kit.exoclick.banner())
      assert.equal(kit.cost(answer), kit.cost(answer, 'probe'))
      assert.matches("no call of a strategy 'nobody'", refusal(kit.cost, answer, 'nobody'), 1, true)
      assert.matches('kit.load { cost = true } measures', refusal(kit.cost, folder:load():bid(kit.exoclick.banner())), 1, true)
      assert.matches("option 'cost'", refusal(folder.load, folder, { cost = 1 }), 1, true)
    end)
  end)
end)
