-- Days, hours and dates are those of the strategy's time zone, also where its clocks change.

local kit = require 'moonbid.kit'

describe('on the night when clocks change', function()
  local folder

  before_each(function()
    folder = io.popen('mktemp -d'):read '*l'
    os.execute('mkdir ' .. folder .. '/strategies')
  end)
  after_each(function() os.execute('rm -r ' .. folder) end)

  local function load(now, zone, limits, target)
    local file = assert(io.open(folder .. '/strategies/a.lua', 'w'))
    file:write(([[return strategy { name = 'a', limits = { timezone = '%s', %s }, target = { %s }, bid = function()
      return { price = 2, image_url = 'https://c.example/i', click_url = 'https://c.example/' } end }]])
      :format(zone, limits, target or ''))
    file:close()
    return kit.load { scripts = folder, now = now }
  end

  -- What it does at each instant: true, or the reason of its no-bid.
  local function does(rows, ...)
    for instant, expected in pairs(rows) do
      local answer = load(instant, ...):bid(kit.exoclick.banner {})
      if expected == true then
        assert.bids(answer)
      else
        assert.nobids(answer, expected)
      end
    end
  end

  it('a strategy starts and ends by its own clock', function()
    does({
      ['2026-03-29T00:59:59Z'] = 'not_started', -- 01:59:59, the last second of winter
      ['2026-03-29T01:00:00Z'] = true,          -- 03:00
      ['2026-10-25T01:59:59Z'] = true,          -- 02:59:59, the second time
      ['2026-10-25T02:00:00Z'] = 'ended',       -- 03:00
    }, 'Europe/Berlin', "starts = '2026-03-29T03:00', ends = '2026-10-25T03:00'")
  end)

  it('a time that is skipped is when it is skipped, and one that comes twice the first of both', function()
    does({ ['2026-03-29T00:59:59Z'] = 'not_started', ['2026-03-29T01:00:00Z'] = true },
      'Europe/Berlin', "starts = '2026-03-29T02:30'")
    does({ ['2026-11-01T05:29:59Z'] = true, ['2026-11-01T05:30:00Z'] = 'ended', ['2026-11-01T06:29:59Z'] = 'ended' },
      'America/New_York', "ends = '2026-11-01T01:30'")
  end)

  it('hours of a target begin where its clock shows them', function()
    does({
      ['2026-03-29T00:59:59Z'] = 'hours', ['2026-03-29T01:00:00Z'] = true, ['2026-03-29T02:00:00Z'] = 'hours',
      ['2026-10-25T01:59:59Z'] = 'hours', ['2026-10-25T02:00:00Z'] = true, ['2026-10-25T03:00:00Z'] = 'hours',
    }, 'Europe/Berlin', '', "hours = { 'sun 03:00-04:00' }")
  end)

  it('a day of 23 or 25 hours is one day of `daily`', function()
    for zone, day in pairs {
      ['Europe/Berlin'] = { '2026-03-28T23:00:00Z', 23 }, ['America/New_York'] = { '2026-11-01T04:00:00Z', 25 },
    } do
      local bidder = load(day[1], zone, 'daily = 1')
      bidder:spend('a', 1)
      assert.nobids(bidder:bid(kit.exoclick.banner {}), 'budget')
      bidder:advance(('%dm'):format(day[2] * 60 - 1))
      assert.nobids(bidder:bid(kit.exoclick.banner {}), 'budget')
      assert.equal(1, bidder:spent('a', 'day'))
      bidder:advance '1m'
      assert.bids(bidder:bid(kit.exoclick.banner {}))
      assert.equal(0, bidder:spent('a', 'day'))
    end
  end)
end)
