-- The simulated exchange and a server, both real: every answer is one that the exchanges take, and both sides count
-- the same money. The exchange judges with parsers of its own; its exit status is the verdict.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

local EXCHANGE = assert(os.getenv 'MOONBID_EXCHANGE_BIN', 'MOONBID_EXCHANGE_BIN names the simulated exchange')

-- A strategy for every format, prices that win and lose, and texts that JSON and XML must escape.
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
          return { price = price(ctx, 0.2, 2.5), member_id = '4401', creative_code = 'c"7"',
                   custom_notify_data = 'mine.and "mine"', custom_macros = { LINE = '4' } }
        end,
      },
    }
  ]==],
}

local function run(server, arguments)
  local pipe = assert(io.popen(
    ('"%s" --target 127.0.0.1:%d --verify 127.0.0.1:%d --report json --seconds 0 %s; echo "status=$?"'):format(
      EXCHANGE, server.port, server.admin_port, arguments)))
  local output = pipe:read '*a'
  pipe:close()
  local report, status = output:match '^(.-)%s*status=(%d+)%s*$'
  return tonumber(status), dkjson.decode(report) or error(output, 2)
end

describe('the simulated exchange', function()
  local server

  before_each(function() server = Server.start { strategies = STRATEGIES } end)
  after_each(function() server:finish() end)

  it('takes every answer and agrees on bids, wins, clicks and spend', function()
    local status, report = run(server, '--requests 3000 --rate 0 --connections 8')
    assert.same({}, report.rejected)
    assert.same(report.exchange, report.bidder)
    assert.equal(0, status)
    for kind, count in pairs(report.bids) do assert.is_true(count > 0, 'no bid on ' .. kind) end
    assert.is_true(report.exchange.billings > 0 and report.exchange.wins > 0 and report.exchange.clicks > 0)
    assert.is_true(report.duplicates > 0)
  end)

  it('counts from where an earlier run ended', function()
    assert.equal(0, (run(server, '--requests 100 --rate 0')))
    assert.equal(0, (run(server, '--requests 100 --rate 0 --seed 2')))
  end)
end)
