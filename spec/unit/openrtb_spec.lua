-- OpenRTB as a strategy meets it: one file bids on all media, and its notices come back.

local kit = require 'moonbid.kit'
local json = require 'dkjson'
local folders = require 'spec.support.folder'

describe('on OpenRTB', function()
  local folder, bidder
  before_each(function() folder = folders.new() end)
  after_each(function() folder:remove() end)

  local function load(body)
    folder:write('strategies/a.lua', ("return strategy { name = 'a', bid = function(ctx, req, imp)\n%s\nend }"):format(body))
    bidder = kit.load { scripts = folder.path, now = '2026-03-02T09:00:00Z' }
    return bidder
  end

  local function ask(imp, more)
    local request = { id = 'r-1', imp = { imp }, site = { domain = 'pub.example', page = 'https://pub.example/<x>' },
                      device = { ip = '192.0.2.1', geo = { country = 'DEU' } } }
    for key, value in pairs(more or {}) do request[key] = value end
    return bidder:send { method = 'POST', path = '/openrtb/bid', body = json.encode(request) }
  end

  local function only_bid(answer)
    assert.equals(200, answer.http.status, answer.http.body)
    return json.decode(answer.http.body).seatbid[1].bid[1]
  end

  local BANNER = { id = '1', banner = { w = 300, h = 250 } }

  it('fills {{tokens}} in markup, escaped, and leaves macros alone', function()
    load [[return { price = 2, creative_id = 'c',
      markup = '<a href="x?d={{domain}}&p=${AUCTION_PRICE}" title="{{request_id}}">{domain} {{nobody}}</a>' }]]
    assert.equals('<a href="x?d=pub.example&p=${AUCTION_PRICE}" title="r&lt;&quot;1&quot;&gt;">{domain} {{nobody}}</a>',
      only_bid(ask(BANNER, { id = 'r<"1">' })).adm)
  end)

  it('fills {{tokens}} in native documents as JSON', function()
    load [[return { price = 2, native = {
      link = { url = 'https://go.example/' }, assets = { { id = 1, title = { text = 'At {{request_id}}' } } } } }]]
    local adm = only_bid(ask({ id = '1', native = { ver = '1.2', request = '{}' } }, { id = 'r"1\\' })).adm
    assert.equals('At r"1\\', json.decode(adm).assets[1].title.text)
  end)

  it('speaks the version of native that is asked for', function()
    load [[return { price = 2, native = { ver = '9', link = { url = 'https://go.example/?d={{domain}}&q=1' },
      assets = { { id = 1, title = { text = 'T' } } }, imptrackers = { 'https://t.example/1' },
      eventtrackers = { { event = 1, method = 1, url = 'https://t.example/2' },
                        { event = 1, method = 2, url = 'https://t.example/js' },
                        { event = 2, method = 1, url = 'https://t.example/seen' } } } }]]
    local function adm(native) return json.decode(only_bid(ask { id = '1', native = native }).adm) end
    local old, new = adm { request = '{"ver":"1.1"}' }, adm { ver = '1.2', request = '{}' }
    assert.same({ '1.1', '1.2', '1.2' }, { old.ver, new.ver, adm { request = '{}' }.ver })
    assert.same({ 'https://t.example/1', 'https://t.example/2' }, old.imptrackers)
    assert.equals('<script src="https://t.example/js"></script>', old.jstracker)
    assert.is_nil(old.eventtrackers)
    assert.equals(3, #new.eventtrackers)
    assert.equals('https://go.example/?d=pub.example&q=1', new.link.url)
    assert.equals('1.0', adm { ver = '1.0', request = '{}' }.native.ver)
    load [[return { price = 2, title = 'T', click_url = 'https://go.example/', imptracker = 'https://t.example/' }]]
    local assets = '"assets":[{"id":1,"title":{"len":9}}]}'
    assert.same({ 'https://t.example/' }, adm { request = '{"ver":"1.1",' .. assets }.imptrackers)
    assert.equals('https://t.example/', adm { request = '{"ver":"1.2",' .. assets }.eventtrackers[1].url)
  end)

  it('says what a native document lacks', function()
    for field, native in pairs {
      ['native.link.url'] = '{ assets = { { id = 1 } } }',
      ['native.assets'] = "{ link = { url = 'https://go.example/' }, assets = {} }",
    } do
      load('return { price = 2, native = ' .. native .. ' }')
      assert.equals(field, ask({ id = '1', native = { request = '{}' } }).nobids[1].problem)
    end
    load [[return { price = 2, native = { link = { url = 'https://go.example/' },
                                          assets = { { id = 7, title = { text = 'T' } } } } }]]
    local function asks(id)
      return ask { id = '1', native = { request = '{"assets":[{"id":' .. id .. ',"required":1,"title":{}}]}' } }
    end
    assert.equals('native.assets', asks(8).nobids[1].problem)
    assert.equals(200, asks(7).http.status)
  end)

  it('sends native as an object where the endpoint says so', function()
    folder:write('moonbid.conf.lua', [[return { endpoints = { { name = 'o', path = '/openrtb/bid', exchange = 'openrtb',
      native_adm = 'object' } } }]])
    folder:write('strategies/a.lua', [[return strategy { name = 'a', bid = function(ctx, req, imp)
      return { price = 2, title = 'T', click_url = 'https://go.example/' } end }]])
    bidder = folder:load { config = folder.path .. '/moonbid.conf.lua' }
    local adm = only_bid(ask { id = '1', native = { request = '{"assets":[{"id":3,"title":{}}]}' } }).adm
    assert.equals('T', adm.assets[1].title.text)
  end)

  it('sends no images without https where the impression is secure', function()
    load [[local s = req.tokens.s or 'https'
      if imp.format == 'video' then
        return { price = 2, vast = { title = 'T', duration = '15s', impression = 'https://t.example/',
          media = { { url = s .. '://c.example/f', type = 'video/mp4', width = 1, height = 1 } } } }
      end
      return { price = 2, title = 'T', click_url = 'http://go.example/', image_url = s .. '://c.example/i', markup = req.tokens.m,
        icon_url = s .. '://c.example/c' }]]
    local native = { request = '{"assets":[{"id":1,"img":{"type":1}}]}' }
    local function problem(imp, secure, query)
      imp.id, imp.secure = '1', secure
      local body = json.encode { id = 'r', imp = { imp } }
      local answer = bidder:send { method = 'POST', path = '/openrtb/bid', query = query, body = body }
      return answer.nobids[1] and answer.nobids[1].problem or 'sent'
    end
    for field, media in pairs { image_url = { banner = { w = 1, h = 1 } }, ['vast.media'] = { video = { w = 1, h = 1 } } } do
      assert.same({ 'sent', field, 'sent', 'sent' }, { problem(media, 1), problem(media, 1, 's=http'), problem(media, 0, 's=http'),
                                                       problem(media, nil, 's=http') })
    end
    assert.same({ 'image_url', 'sent' }, { problem({ native = native }, 1, 's=http'), problem({ native = native }, 1) })
    assert.equals('sent', problem({ banner = { w = 1, h = 1 } }, 1, 's=http&m=%3Cb%3E'))
  end)

  it('names native assets as they are named, and no others', function()
    load [[return { price = 2, title = 'T', click_url = 'https://go.example/' }]]
    local function adm(assets) return ask { id = '1', native = { request = '{"assets":[' .. assets .. ']}' } } end
    local TITLE = '"title":{"len":9}}'
    assert.matches('"id":9223372036854775808,', only_bid(adm('{"id":9223372036854775808,' .. TITLE)).adm, 1, true)
    assert.equals('[{"id":12,"title":{"text":"T"}}]',
      only_bid(adm('{"id":"12",' .. TITLE .. ',{' .. TITLE .. ',{"id":"x",' .. TITLE)).adm:match '"assets":(%b[])')
    for _, id in ipairs { '', '"id":"x",', '"id":1.5,' } do
      assert.nobids(adm('{' .. id .. TITLE), 'invalid_bid')
      assert.nobids(adm('{"id":1,' .. TITLE .. ',{"required":1,' .. id .. TITLE), 'invalid_bid')
    end
  end)

  it('answers a native request that is an object with an object', function()
    load [[return { price = 2, title = 'T', click_url = 'https://go.example/' }]]
    local document = { ver = '1.2', assets = { { id = 3, required = 1, title = { len = 9 } } } }
    local bid = only_bid(ask { id = '1', native = { request_native = document } })
    assert.is_nil(bid.adm)
    assert.same({ { id = 3, title = { text = 'T' } } }, bid.adm_native.assets)
    assert.equals('string', type(only_bid(ask { id = '1', native = { request = json.encode(document) } }).adm))
    document.assets[1].title, document.assets[1].video = nil, { mimes = {} }
    assert.nobids(ask { id = '1', native = { request_native = document } }, 'invalid_bid')
  end)

  it('carries all that a bid of 2.6 may say', function()
    load [[return { price = 2, markup = '<a>', creative_id = 'c', ad_id = 'a', campaign_id = 7, tactic = 'x', bundle = 'com.tea',
      advertiser_domains = { 'tea.example' }, categories = { 'IAB8' }, category_taxonomy = 1, attributes = { 1 }, apis = { 5, 7 },
      media_rating = 1, language = 'de', width = 300, height = 250, width_ratio = 6, height_ratio = 5, duration = 15,
      protocol = 3, slot_in_pod = -1, expires = 60, image_url = 'https://c.example/' }]]
    local bid = only_bid(ask(BANNER))
    bid.id, bid.nurl, bid.burl, bid.lurl = nil, nil, nil, nil
    assert.same({ impid = '1', price = 2, adm = '<a>', crid = 'c', adid = 'a', cid = '7', tactic = 'x', bundle = 'com.tea',
      adomain = { 'tea.example' }, cat = { 'IAB8' }, cattax = 1, attr = { 1 }, apis = { 5, 7 }, qagmediarating = 1,
      language = 'de', w = 300, h = 250, wratio = 6, hratio = 5, dur = 15, protocol = 3, slotinpod = -1, exp = 60,
      iurl = 'https://c.example/', mtype = 1 }, bid)
    load [[return { price = 2, vast = { wrapper = 'https://w.example/', impression = 'https://t.example/' }, language = 'de-AT' }]]
    bid = only_bid(ask { id = '1', video = { protocols = { 6 } } })
    assert.same({ 6, 'de-AT' }, { bid.protocol, bid.langb })
    load [[return { price = 2, slot_in_pod = 3 }]]
    assert.matches('^slot_in_pod: expected', ask(BANNER).nobids[1].problem)
  end)

  it('shows what moved between versions, and what else is there', function()
    load [[return { price = 1, image_url = 'https://c.example/', click_url = 'https://go.example/', title = table.concat({
      req.schain.nodes[1].sid, req.user.eids[1].uids[1].id, req.languages[1], req.blocked.apps[1], req.regs.gpp_sid[1],
      tostring(imp.rewarded), tostring(imp.interstitial) }, ' ') }]]
    local answer = ask({ id = '1', banner = { w = 1, h = 1 }, rwdd = 1, instl = 1 }, {
      source = { ext = { schain = { nodes = { { sid = 's1' } } } } }, wlang = { 'de' }, bapp = { 'com.bad' },
      user = { ext = { eids = { { uids = { { id = 'e1' } } } } } }, regs = { gpp_sid = { 7 } } })
    assert.bids(answer, { title = 's1 e1 de com.bad 7 true true' })
  end)

  it('tells of deals that must be, and of the break a film would stand in', function()
    load [[if imp.deals_only and not imp.deals then return nobid 'closed' end
      local said = { imp.pod_id, imp.pod_sequence, imp.pod_duration, imp.pod_ads, imp.slot_in_pod, imp.floor_per_second }
      return { price = 2, vast = '<VAST/>', duration = 30, tactic = table.concat(said, ' ') }]]
    local function film(more)
      local video = { podid = 'p1', podseq = -1, poddur = 60, maxseq = 4, slotinpod = 1, mincpmpersec = 0.05 }
      for key, value in pairs(more or {}) do video[key] = value end
      return { id = '1', video = video }
    end
    assert.equals('p1 -1 60 4 1 0.05', only_bid(ask(film())).tactic)
    assert.nobids(ask(film { mincpmpersec = 0.07 }), 'below_floor')
    assert.is_nil(only_bid(ask { id = '1', video = { w = 1, h = 1 } }).tactic)
    local closed = film()
    closed.pmp = { private_auction = 1 }
    assert.nobids(ask(closed), 'closed')
    closed.pmp.private_auction = 0
    assert.bids(ask(closed))
  end)

  it("calls a bid's own URLs once, filled with what the notice told", function()
    load [[return { price = 2, markup = '<b>x</b>', data = 'a b',
      win_url = 'https://t.example/w?p=${AUCTION_PRICE}&c=${AUCTION_CURRENCY}&d={data}&a=${AUCTION_ID}',
      billing_url = 'http://t.example/b?p=${AUCTION_PRICE}&i=${AUCTION_IMP_ID}&n=${NOBODY}${',
      loss_url = 'https://t.example/l?r=${AUCTION_LOSS}&m=${AUCTION_MIN_TO_WIN}&p=${AUCTION_PRICE}' }]]
    local answer = ask(BANNER, { id = 'r&1' })
    local rows = {
      { 'win', 'p=1.25&c=USD', 'https://t.example/w?p=1.25&c=USD&d=a%20b&a=r%261' },
      { 'win', 'p=1.25&c=USD', nil }, -- a repeat
      { 'billing', 'p=3&c=USD', 'http://t.example/b?p=3&i=1&n=${' }, -- told above the bid: what was told
      { 'loss', 'l=102&m=2.5&c=USD', 'https://t.example/l?r=102&m=2.5&p=' },
    }
    for i, row in ipairs(rows) do assert.same({ row[3] }, bidder:notice(answer, row[1], row[2]).fetches, i) end
    for _, price in ipairs { '', 'AUDIT', '${AUCTION_PRICE}', '-1' } do
      local told = bidder:notice(ask(BANNER), 'win', 'p=' .. price .. '&c=USD').fetches
      assert.same({ 'https://t.example/w?p=2&c=USD&d=a%20b&a=r-1' }, told, price)
    end
    assert.same({}, bidder:notice(ask(BANNER, { test = 1 }), 'win').fetches)
  end)

  it("fills every macro of the specification in a bid's own URL, in base64 too", function()
    load [[return { price = 2, markup = '<b>x</b>', seat = 's&1', ad_id = 'ad 7', win_url = 'https://t.example/w?' .. table.concat({
      'i=${AUCTION_ID}', 'b=${AUCTION_BID_ID}', 'm=${AUCTION_IMP_ID}', 's=${AUCTION_SEAT_ID}', 'a=${AUCTION_AD_ID}',
      'p=${AUCTION_PRICE}', 'c=${AUCTION_CURRENCY}', 'l=${AUCTION_LOSS}', 'w=${AUCTION_MIN_TO_WIN}', 'r=${AUCTION_MBR}',
      'P=${AUCTION_PRICE:B64}', 'S=${AUCTION_SEAT_ID:B64}', 'R=${AUCTION_MBR:B64}', 'x=${OTHER:B64}' }, '&') }]]
    local answer = ask(BANNER)
    local url = only_bid(answer).nurl
    assert.matches('&r=${AUCTION_MBR}&p=${AUCTION_PRICE}', url, 1, true)
    local told = bidder:notice(answer, 'win', 'p=1.25&c=USD&r=0.5').fetches
    local filled = 'https://t.example/w?i=r-1&b=%s&m=1&s=s%%261&a=ad%%207&p=1.25&c=USD&l=&w=&r=0.5'
      .. '&P=MS4yNQ%%3D%%3D&S=cyYx&R=MC41&x='
    assert.same({ filled:format(only_bid(answer).id) }, told)
    told = bidder:notice(ask(BANNER), 'win', 'p=1.25&c=USD&r=${AUCTION_MBR}').fetches
    assert.matches('&r=&', told[1], 1, true)
    load [[return { price = 2, markup = '<b>x</b>', win_url = 'https://t.example/${AUCTION_PRICE}' }]]
    assert.is_nil(only_bid(ask(BANNER)).nurl:find('MBR', 1, true))
  end)

  it('sends VAST as it is', function()
    load [[return { price = 2, vast = '<VAST version="3.0"><Ad id="{{imp_id}}"/></VAST>' }]]
    assert.equals('<VAST version="3.0"><Ad id="7"/></VAST>', only_bid(ask { id = '7', video = { w = 640, h = 480 } }).adm)
  end)

  it('sees country, floor, deals and sizes alike everywhere', function()
    load [[return { price = imp.floor + 0.5, image_url = 'https://c.example/' .. imp.width, deal_id = imp.deals[1],
      click_url = 'https://go.example/' .. req.geo.country }]]
    local bid = only_bid(ask { id = '1', banner = { w = 300, h = 250 }, bidfloor = 1.25,
                               pmp = { private_auction = 1, deals = { { id = 'd-1', bidfloor = 1.5 } } } })
    assert.equals(1.75, bid.price)
    assert.equals('d-1', bid.dealid)
    assert.matches('https://go.example/DE', bid.adm, 1, true)
  end)

  it('takes the notices back: billing books what was paid, a loss says why', function()
    load [[return { price = 2, image_url = 'https://c.example/', click_url = 'https://go.example/' }]]
    local bid = only_bid(ask(BANNER))
    local function notice(url, values)
      local path, query = url:gsub('%${(.-)}', values):match '^https?://[^/]+(/[^?]*)%?(.*)$'
      assert.equals(200, bidder:send { method = 'GET', path = path, query = query }.http.status)
    end
    notice(bid.nurl, { AUCTION_PRICE = '1.5', AUCTION_CURRENCY = 'USD' })
    assert.equals(0, bidder:spent 'a')
    for _ = 1, 2 do notice(bid.burl, { AUCTION_PRICE = '1.5', AUCTION_CURRENCY = 'USD' }) end
    assert.equals(0.0015, bidder:spent 'a')
    local other = only_bid(ask(BANNER))
    notice(other.lurl, { AUCTION_LOSS = '102', AUCTION_MIN_TO_WIN = '2.1', AUCTION_PRICE = '', AUCTION_CURRENCY = 'USD' })
    assert.equals(1, bidder:count('a', 'loss'))
    local audit = only_bid(ask(BANNER))
    notice(audit.burl, { AUCTION_PRICE = 'AUDIT', AUCTION_CURRENCY = '${AUCTION_CURRENCY}' })
    assert.equals(0.0035, bidder:spent 'a')
  end)

  it('has builders and notices in the kit', function()
    load [[if imp.format == 'video' or imp.format == 'audio' then return { price = 1, vast = '<VAST/>' } end
      return { price = 1 + imp.floor, title = 'T', description = 'D', image_url = 'https://c.example/',
        click_url = 'https://go.example/' }]]
    for _, media in ipairs { 'banner', 'video', 'audio', 'native' } do assert.bids(bidder:bid(kit.openrtb[media]())) end
    local answer = bidder:bid(kit.openrtb.banner { imp = { bidfloor = 0.5 }, banner = { w = 728, h = 90 } })
    assert.bids(answer, { price = 1.5 })
    assert.matches('"w":728', answer.http.body, 1, true)
    local spent = bidder:spent 'a'
    bidder:notice(answer, 'win', 'p=1.2')
    bidder:notice(answer, 'loss', 'l=102')
    assert.equals(spent, bidder:spent 'a')
    bidder:notice(answer, 'billing', 'p=1.2')
    assert.is_true(math.abs(bidder:spent 'a' - spent - 0.0012) < 1e-12)
    assert.same({ 1, 1 }, { bidder:count('a', 'win'), bidder:count('a', 'loss') })
    assert.has_error(function() bidder:notice(answer, 'sale') end)
    assert.has_error(function() bidder:notice(bidder:bid(kit.exoclick.banner()), 'win') end)
  end)

  it('gives each impression one bid, whatever it offers', function()
    load [[return imp.format == 'video' and { price = 3, vast = '<VAST/>' }
      or { price = 2, image_url = 'https://c.example/', click_url = 'https://go.example/' }]]
    local answer = bidder:send { method = 'POST', path = '/openrtb/bid', body = json.encode {
      id = 'r', imp = {
        { id = '1', banner = { w = 1, h = 1 }, video = { w = 1, h = 1 } }, { id = '2', banner = { w = 1, h = 1 } } } } }
    local bids = json.decode(answer.http.body).seatbid[1].bid
    assert.equals(2, #bids)
    assert.same({ '<VAST/>', 3 }, { bids[1].adm, bids[1].price })
    assert.nobids({ bids = {}, nobids = answer.nobids, outcome = answer.outcome }, 'outranked')
  end)

  it('is understood on Xandr\'s own URL, in Xandr\'s dialect', function()
    load [[return { price = 2, creative_id = 'c1', seat = '958', member_id = '4401' }]]
    local answer = bidder:send { method = 'POST', path = '/xandr/bid', body = json.encode {
      id = '9007199254740993', imp = { { id = '9223372036854775807', banner = { w = 1, h = 1 } } } } }
    local response = json.decode(answer.http.body)
    assert.equals('9007199254740993', response.id)
    assert.equals('958', response.seatbid[1].seat)
    local bid = response.seatbid[1].bid[1]
    assert.is_nil(bid.adm)
    local path, query = bid.nurl:gsub('%${AUCTION_PRICE}', '1'):match '^https?://[^/]+(/[^?]*)%?(.*)$'
    bidder:send { method = 'GET', path = path, query = query }
    assert.equals(0.001, bidder:spent 'a')
    assert.matches('bid_response', bidder:bid(kit.xandr.bid()).http.body)
  end)

  it('tells why not, and takes prices in base64, where the endpoint says so', function()
    folder:write('moonbid.conf.lua', [[return { endpoints = { { name = 'o', path = '/openrtb/bid', exchange = 'openrtb',
      no_bid = 'nbr', price_encoding = 'b64' } } }]])
    folder:write('strategies/a.lua', [[return strategy { name = 'a', bid = function(ctx, req, imp)
      if req.site.domain == 'bad.example' then error 'no' end
      if imp.width == 1 then return nobid 'small' end
      return { price = 2, image_url = 'https://c.example/', click_url = 'https://go.example/' } end }]])
    bidder = folder:load { config = folder.path .. '/moonbid.conf.lua' }
    for nbr, answer in pairs { [0] = ask { id = '1', banner = { w = 1, h = 1 } },
                               [1] = ask(BANNER, { site = { domain = 'bad.example' } }) } do
      assert.equals(200, answer.http.status)
      assert.same({ id = 'r-1', nbr = nbr }, json.decode(answer.http.body))
    end
    local bid = only_bid(ask(BANNER))
    for url, macro in pairs { [bid.burl] = '?p=${AUCTION_PRICE:B64}&c=', [bid.lurl] = '?p=${AUCTION_PRICE:B64}&c=' } do
      assert.matches(macro, url, 1, true)
    end
    local path = bid.burl:match '^https?://[^/]+(/[^?]*)'
    assert.equals(200, bidder:send { method = 'GET', path = path, query = 'p=MS4yNQ%3D%3D&c=USD' }.http.status)
    assert.equals(0.00125, bidder:spent 'a')
  end)

  it('says 204 for no bid and 400 for no request', function()
    load [[return nobid 'no']]
    assert.equals(204, ask(BANNER).http.status)
    local broken = bidder:send { method = 'POST', path = '/openrtb/bid', body = '{"id":"1","imp":[' }
    assert.equals(400, broken.http.status)
    assert.matches('"at":17', broken.http.body, 1, true)
  end)
end)
