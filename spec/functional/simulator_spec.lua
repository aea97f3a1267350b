-- The simulated exchange and a server, both real: every answer is one that the exchanges take, and both sides count
-- the same money. The exchange judges with parsers of its own; its exit status is the verdict.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

local EXCHANGE = assert(os.getenv 'MOONBID_EXCHANGE_BIN', 'MOONBID_EXCHANGE_BIN names the simulated exchange')

-- A strategy for every format and dialect, prices that win and lose, and texts that JSON and XML must escape.
local STRATEGIES = {
  ['all.lua'] = [==[
    local function price(ctx, low, high) return low + ctx.random(0, (high - low) * 1000000) / 1000000 end
    local function exoclick(format, model, low, high, fields)
      return strategy {
        name = format, model = model, target = { exchange = { 'exoclick' }, format = { format } },
        bid = function(ctx)
          local bid = { price = price(ctx, low, high) }
          for key, value in pairs(fields) do bid[key] = value end
          return bid
        end,
      }
    end
    local LANDING = 'https://go.example/c?z={zone_id}&k={keyword}&s={src_hostname}&x={mine}'
    return {
      exoclick('banner', 'cpm', 0.1, 1, { image_url = 'https://cdn.example/b.jpg', click_url = LANDING }),
      exoclick('popunder', 'cpm', 0.5, 2.5, { url = LANDING }),
      exoclick('push', 'cpc', 0.05, 0.4, {
        icon_url = 'https://cdn.example/i.png', click_url = LANDING, imptracker = 'https://t.example/i?a=1&b=2',
        title = 'Gr\195\188\195\159e & "mehr" ]]> \240\159\142\129', description = '<b>\\</b>',
      }),
      exoclick('in_page_push', 'cpm', 0.2, 1, { image_url = 'https://cdn.example/p.jpg', click_url = LANDING }),
      exoclick('direct_link', 'cpc', 0.05, 0.2, { url = LANDING }),
      exoclick('email_click', 'smart_cpc', 0.05, 0.2, { click_url = 'https://go.example/?el={email_encoded}' }),
      strategy {
        name = 'xandr', target = { exchange = { 'xandr' } },
        bid = function(ctx)
          return { price = price(ctx, 0.2, 2.5), member_id = '4401', creative_code = 'c"7"', ad_id = '71001',
                   custom_notify_data = 'mine.and "mine"', custom_macros = { LINE = '4' } }
        end,
      },
      strategy {
        name = 'openrtb', target = { exchange = { 'openrtb' }, format = { 'banner', 'popunder', 'video', 'audio' } },
        bid = function(ctx, _, imp)
          local played = imp.format == 'video' or imp.format == 'audio'
          return {
            price = price(ctx, imp.floor + 0.1, played and 6 or 3), deal_id = imp.deals and imp.deals[1],
            image_url = 'https://cdn.example/b.jpg?a=1&b=2', click_url = LANDING .. '&b={bid_id}', url = LANDING,
            vast = played and '<?xml version="1.0"?><VAST version="3.0"><Ad id="{{request_id}}"/></VAST>' or nil,
            creative_id = 'c-1', advertiser_domains = { 'shop.example' },
          }
        end,
      },
      strategy {
        name = 'native', target = { exchange = { 'openrtb' }, format = { 'native' } },
        bid = function(ctx, req, imp)
          local clicks = req.endpoint == 'exoclick_openrtb'
          return {
            model = clicks and 'cpc' or 'cpm', price = clicks and price(ctx, 0.05, 0.3) or price(ctx, imp.floor + 0.1, 3),
            title = 'Gr\195\188\195\159e & "mehr"', description = '<b>\\</b>', click_url = LANDING,
            image_url = 'https://cdn.example/n.jpg', icon_url = 'https://cdn.example/i.png',
          }
        end,
      },
      strategy {
        name = 'email', model = 'smart_cpc', target = { exchange = { 'openrtb' }, format = { 'email_click' } },
        bid = function(ctx) return { price = price(ctx, 0.05, 0.2), click_url = 'https://go.example/?el={email_encoded}' } end,
      },
    }
  ]==],
}

-- ExoClick's OpenRTB is no endpoint of the defaults; floors and some answers are in EUR.
local CONFIG = [[
  rates = { EUR = 1.08 },
  endpoints = {
    { name = 'exoclick', path = '/exoclick/bid', exchange = 'exoclick', currency = 'USD' },
    { name = 'xandr', path = '/xandr', exchange = 'xandr' },
    { name = 'openrtb', path = '/openrtb/bid', exchange = 'openrtb' },
    { name = 'exoclick_openrtb', path = '/exoclick/openrtb', exchange = 'openrtb', dialect = 'exoclick' },
  },
]]

-- Exit status and report. Unless `alone`, the exchange compares its account with the server's.
local function run(server, arguments, alone)
  local verify = alone and '' or '--verify 127.0.0.1:' .. server.admin_port
  local pipe = assert(io.popen(
    ('"%s" --target 127.0.0.1:%d %s --openrtb-exoclick /exoclick/openrtb --report json --seconds 0 %s; echo "status=$?"')
      :format(EXCHANGE, server.port, verify, arguments)))
  local output = pipe:read '*a'
  pipe:close()
  local report, status = output:match '^(.-)%s*status=(%d+)%s*$'
  return tonumber(status), dkjson.decode(report) or error(output, 2)
end

describe('the simulated exchange', function()
  local server

  before_each(function() server = Server.start { strategies = STRATEGIES, config = CONFIG } end)
  after_each(function() server:finish() end)

  it('takes every answer and agrees on bids, wins, clicks and spend', function()
    local status, report = run(server, '--requests 6000 --rate 0 --connections 8')
    assert.same({}, report.rejected)
    assert.is_true(report.bidder.losses >= report.exchange.losses) -- Xandr's own losses are told by notify
    report.bidder.losses = report.exchange.losses
    assert.same(report.exchange, report.bidder)
    assert.equal(0, status)
    for kind, count in pairs(report.bids) do assert.is_true(count > 0, 'no bid on ' .. kind) end
    for name, tally in pairs(report.protocols) do
      local models = tally.spend_nanos
      assert.is_true(models.cpm > 0, 'nothing sold on ' .. name)
      if name == 'openrtb_exoclick' then assert.is_true(models.cpc > 0 and models.smart_cpc > 0) end
      if name == 'openrtb' or name == 'openrtb_xandr' then
        assert.is_true(tally.wins > 0 and tally.losses > 0 and tally.billings > 0, name)
      end
    end
    assert.is_true(report.exchange.billings > 0 and report.exchange.wins > 0 and report.exchange.clicks > 0)
    assert.is_true(report.duplicates > 0)
  end)

  it('comes back later to a bidder that is overloaded, and still agrees', function()
    server:finish()
    -- A millisecond in the queue is too long here, and a bid takes several.
    local slow = { ['slow.lua'] = [[return strategy { name = 'slow', target = { exchange = { 'exoclick' }, format = { 'banner' } },
      bid = function() local sum = 0 for i = 1, 5e5 do sum = sum + i % 7 end
        return { price = 9, image_url = 'https://cdn.example/b.png', click_url = 'https://go.example/' } end }]] }
    server = Server.start { strategies = slow, config = CONFIG .. [[
      limits = { backlog_ms = 1 }, script = { cpu_ms = 1000, hard_ms = 20000 },]] }
    local status, report = run(server, '--requests 600 --rate 0 --connections 4')
    assert.is_true(report.retried > 0)
    assert.is_true(report.exchange.wins + report.exchange.billings > 0)
    assert.equal(0, report.failed)
    assert.equal(0, status)
  end)

  it('refuses what its exchange would refuse: another dialect than the endpoint\'s', function()
    local status, report = run(server, "--requests 300 --rate 0 --exoclick '' --xandr '' --openrtb '' --openrtb-xandr '' " ..
      '--openrtb-exoclick /openrtb/bid 2>/dev/null', true)
    assert.equal(1, status)
    assert.is_true(report.rejected["<ad>: not ExoClick's document, or not ASCII"] > 0)
  end)

  it('counts from where an earlier run ended', function()
    assert.equal(0, (run(server, '--requests 100 --rate 0')))
    assert.equal(0, (run(server, '--requests 100 --rate 0 --seed 2')))
  end)
end)
