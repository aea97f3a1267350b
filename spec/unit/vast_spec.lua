-- VAST from a table: the version that the impression takes, what is checked, and what comes out.

local kit = require 'moonbid.kit'
local json = require 'dkjson'
local folders = require 'spec.support.folder'

local MP4 = "{ url = 'https://cdn.example/a.mp4', type = 'video/mp4', width = 640, height = 360 }"
local PLAIN = "{ title = 'Spring', impression = 'https://t.example/i', duration = '15s', media = { " .. MP4 .. " } }"

-- PLAIN, with members before the others; with a part of it replaced.
local function plus(members) return '{ ' .. members .. ', ' .. PLAIN:sub(2) end
local function changed(part, put)
  local from, to = PLAIN:find(part, 1, true)
  return PLAIN:sub(1, from - 1) .. put .. PLAIN:sub(to + 1)
end

describe('a table of VAST', function()
  local folder, bidder
  before_each(function() folder = folders.new() end)
  after_each(function() folder:remove() end)

  local function load(vast, more)
    folder:write('strategies/a.lua', ("return strategy { name = 'a', bid = function(ctx, req, imp)\nlocal vast = %s\n"
      .. "return { price = 2, vast = vast %s }\nend }"):format(vast, more or ''))
    bidder = kit.load { scripts = folder.path, now = '2026-03-02T09:00:00Z' }
  end

  local function ask(media, kind)
    return bidder:send { method = 'POST', path = '/openrtb/bid', body = json.encode {
      id = 'r&1', imp = { { id = '1', [kind or 'video'] = media } }, site = { domain = 'pub.example' } } }
  end

  local function markup(media, kind)
    local answer = ask(media, kind)
    assert.equals(200, answer.http.status, answer.http.body)
    return json.decode(answer.http.body).seatbid[1].bid[1].adm
  end

  -- The field that is told of a bid that is not sent, or 'sent'.
  local function refused(media, kind)
    local answer = ask(media, kind)
    return answer.bids[1] and 'sent' or answer.nobids[1].problem
  end

  it('is a whole document, escaped where it must be', function()
    load([=[{
      id = 'ad<1>', system = 'Tea & Co', title = 'Spring ]]> "sale"', description = 'All of it', advertiser = 'Tea',
      impression = { 'https://t.example/i?a=1&b={{request_id}}', 'https://u.example/' }, error = 'https://e.example/[ERRORCODE]',
      duration = 15.25, skipoffset = '5s', click_tracking = 'https://k.example/',
      tracking = { start = 'https://s.example/', complete = { 'https://c.example/1', 'https://c.example/2' } },
      progress = { ['3s'] = 'https://p.example/3', ['50%'] = 'https://p.example/50' },
      media = { { url = 'https://cdn.example/a.mp4', type = 'video/mp4', width = 640, height = 360, bitrate = 800,
                  codec = 'avc1' } },
      companions = { { width = 300, height = 250, image = 'https://cdn.example/c.png', type = 'image/png',
                       click_url = 'https://go.example/c' } },
      extensions = { '<Own a="1"/>', { type = 'geo', xml = '<Geo>DE</Geo>' } },
    }]=], ", click_url = 'https://go.example/?d={domain}', creative_id = 'c\"1', imptracker = 'https://own.example/'")
    local adm = markup { protocols = { 3 } }
    assert.equals('<?xml version="1.0" encoding="UTF-8"?><VAST version="3.0"><Ad id="ad&lt;1&gt;"><InLine>'
      .. '<AdSystem><![CDATA[Tea & Co]]></AdSystem><AdTitle><![CDATA[Spring ]]]]><![CDATA[> "sale"]]></AdTitle>'
      .. '<Description><![CDATA[All of it]]></Description><Advertiser><![CDATA[Tea]]></Advertiser>'
      .. '<Error><![CDATA[https://e.example/[ERRORCODE]]]></Error>'
      .. '<Impression><![CDATA[https://t.example/i?a=1&b=r%261]]></Impression>'
      .. '<Impression><![CDATA[https://u.example/]]></Impression>'
      .. '<Impression><![CDATA[https://own.example/]]></Impression><Creatives><Creative id="c&quot;1">'
      .. '<Linear skipoffset="00:00:05"><Duration>00:00:15.250</Duration><TrackingEvents>'
      .. '<Tracking event="complete"><![CDATA[https://c.example/1]]></Tracking>'
      .. '<Tracking event="complete"><![CDATA[https://c.example/2]]></Tracking>'
      .. '<Tracking event="start"><![CDATA[https://s.example/]]></Tracking>'
      .. '<Tracking event="progress" offset="00:00:03"><![CDATA[https://p.example/3]]></Tracking>'
      .. '<Tracking event="progress" offset="50%"><![CDATA[https://p.example/50]]></Tracking></TrackingEvents>'
      .. '<VideoClicks><ClickThrough><![CDATA[https://go.example/?d=pub.example]]></ClickThrough>'
      .. '<ClickTracking><![CDATA[https://k.example/]]></ClickTracking></VideoClicks>'
      .. '<MediaFiles><MediaFile delivery="progressive" type="video/mp4" width="640" height="360" bitrate="800" codec="avc1">'
      .. '<![CDATA[https://cdn.example/a.mp4]]></MediaFile></MediaFiles></Linear></Creative>'
      .. '<Creative id="c&quot;1"><CompanionAds><Companion width="300" height="250">'
      .. '<StaticResource creativeType="image/png"><![CDATA[https://cdn.example/c.png]]></StaticResource>'
      .. '<CompanionClickThrough><![CDATA[https://go.example/c]]></CompanionClickThrough></Companion></CompanionAds></Creative>'
      .. '</Creatives><Extensions><Extension><Own a="1"/></Extension><Extension type="geo"><Geo>DE</Geo></Extension></Extensions>'
      .. '</InLine></Ad></VAST>', adm)
  end)

  it('wraps another document', function()
    load [[{ wrapper = 'https://w.example/?a=1&b=2', impression = 'https://t.example/i',
             tracking = { skip = 'https://s.example/' } }]]
    local adm = markup { protocols = { 5, 6 } }
    assert.matches('<VAST version="3.0">', adm, 1, true)
    assert.matches('<Wrapper><AdSystem><![CDATA[moonbid]]></AdSystem><VASTAdTagURI><![CDATA[https://w.example/?a=1&b=2]]>',
      adm, 1, true)
    assert.equals('vast.wrapper', refused { protocols = { 2, 3, 7 } })
  end)

  it('is of the newest version that the player takes, or of the one that is asked for', function()
    load(PLAIN)
    for version, protocols in pairs { ['2.0'] = { 2 }, ['3.0'] = { 2, 3, 6 }, ['4.0'] = { 3, 7 }, ['4.1'] = { 11, 7 },
                                      ['4.2'] = { 2, 3, 7, 11, 13 }, ['4.3'] = { 13, 15 } } do
      assert.matches('<VAST version="' .. version .. '"', markup { protocols = protocols }, 1, true)
    end
    assert.matches('<VAST version="3.0"', markup { w = 640 }, 1, true)
    for _, protocols in ipairs { { 1 }, { 5, 6, 8 }, { 9, 10 }, { 99 } } do
      assert.equals('vast.version', refused { protocols = protocols })
    end
    load(plus "version = '2.0', skipoffset = 5")
    local adm = markup { protocols = { 2, 3 } }
    assert.matches('<VAST version="2.0">', adm, 1, true)
    assert.is_nil(adm:find('skipoffset', 1, true))
    assert.equals('vast.version', refused { protocols = { 3 } })
  end)

  it('of version 4 names the film', function()
    load(plus "universal_ad_id = { registry = 'ad-id.org', id = 'CNPA0484000H' }")
    assert.matches('<UniversalAdId idRegistry="ad-id.org"><![CDATA[CNPA0484000H]]></UniversalAdId>',
      markup { protocols = { 13 } }, 1, true)
    assert.matches('<UniversalAdId idRegistry="ad-id.org" idValue="CNPA0484000H">', markup { protocols = { 7 } }, 1, true)
    assert.matches('<AdServingId>', markup { protocols = { 11 } }, 1, true)
  end)

  it('is for sound too, which has no size', function()
    load [[{ title = 'S', impression = 'https://t.example/', duration = '00:00:30',
             media = { { url = 'https://cdn.example/a.mp3', type = 'audio/mpeg' } } }]]
    assert.matches('type="audio/mpeg" width="0" height="0"', markup({ mimes = { 'audio/mpeg' } }, 'audio'), 1, true)
    assert.equals('vast.media[1].width', refused { mimes = { 'audio/mpeg' } })
  end)

  it('is held to what the player asks for', function()
    load(PLAIN)
    for _, row in ipairs {
      { 'sent', { mimes = { 'video/webm', 'VIDEO/MP4' }, minduration = 15, maxduration = 15 } },
      { 'vast.media', { mimes = { 'video/webm' } } },
      { 'vast.duration', { minduration = 16 } },
      { 'vast.duration', { maxduration = 14 } },
      { 'vast.duration', { rqddurs = { 10, 20 } } },
      { 'sent', { rqddurs = { 10, 15 } } },
    } do
      assert.equals(row[1], refused(row[2]))
    end
  end)

  it('names the key that is wrong or missing', function()
    local function lasts(value) return changed("'15s'", value) end
    local rows = {
      ['vast.title'] = changed("title = 'Spring', ", ''), ['vast.impression'] = changed("impression = 'https://t.example/i', ", ''),
      ['vast.duration'] = { changed("duration = '15s', ", ''), lasts('0'), lasts("'soon'"), lasts('-1'),
                            lasts("'00:61:00'"), lasts('{}') },
      ['vast.media'] = { "{ title = 'T', impression = 'https://t.example/', duration = 5, media = {} }",
                         "{ title = 'T', impression = 'https://t.example/', duration = 5 }" },
      ['vast.media[1].type'] = changed("type = 'video/mp4', ", ''), ['vast.media[1].height'] = changed(', height = 360', ''),
      ['vast.media[1].url'] = changed("'https://cdn.example/a.mp4'", '7'), ['vast.media[1].hieght'] = changed('height', 'hieght'),
      ['vast.media[1].delivery'] = changed('height = 360', "height = 360, delivery = 'post'"),
      ['vast.media[1]'] = changed(MP4, "'https://cdn.example/a.mp4'"),
      ['vast.medai'] = plus 'medai = 1', ['vast.tracking.strat'] = plus "tracking = { strat = 'https://s.example/' }",
      ['vast.tracking.start'] = plus "tracking = { start = { 1 } }", ['vast.tracking'] = plus "tracking = 'https://s.example/'",
      ['vast.progress.later'] = plus "progress = { later = 'https://s.example/' }",
        ['vast.skipoffset'] = plus "skipoffset = '101%'",
      ['vast.click_tracking'] = plus "click_tracking = 'https://a.example/ x'",
        ['vast.error'] = plus "error = { 'https://e.example/' }",
      ['vast.companions[1].image'] = plus 'companions = { { width = 1, height = 1 } }',
      ['vast.companions[1].type'] = plus "companions = { { width = 1, height = 1, image = 'https://c.example/' } }",
      ['vast.companions[1].width'] = plus "companions = { { height = 1, html = '<b/>' } }",
      ['vast.universal_ad_id.id'] = plus "universal_ad_id = { registry = 'x' }",
      ['vast.extensions[1]'] = { plus "extensions = { '<Open>' }", plus "extensions = { '<a></b>' }",
        plus "extensions = { 'a & b' }",
                                 plus "extensions = { '<a x=\"1>' }", plus "extensions = { '</a>' }",
                                   plus "extensions = { '<a b=\"<\"/>' }", plus "extensions = { '<?xml?>' }" },
      ['vast.extensions[1].xml'] = { plus "extensions = { { type = 'x' } }", plus "extensions = { { xml = '<a' } }" },
      ['vast.version'] = plus "version = '5.0'", ['vast.system'] = plus "system = 'a\\1b'",
      ['vast.wrapper'] = plus "wrapper = ''",
    }
    for path, tables in pairs(rows) do
      for _, text in ipairs(type(tables) == 'table' and tables or { tables }) do
        load(text)
        if path == 'vast.wrapper' then -- what only a whole document has is wrong in a wrapper
          assert.matches('^vast%.', refused { w = 640 }, 1, false)
        else
          assert.equals(path, refused { w = 640 }, text)
        end
      end
    end
  end)

  it('is sent at last where all is well: the bounds', function()
    for _, text in ipairs {
      changed("'15s'", '0.001'), changed("'15s'", "'23:59:59.999'"), changed("'15s'", '86400'),
      plus "extensions = { '<a b=\"\\'\"></a>', '<a/>t&amp;&#9;', '<!-- - --><![CDATA[<]]>' }",
      plus "skipoffset = '0%', progress = { ['100%'] = { 'https://p.example/' } }",
    } do
      load(text)
      assert.equals('sent', refused { w = 640 }, text)
    end
  end)
end)
