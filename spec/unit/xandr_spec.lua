-- What Xandr does to a bid, as far as the books must know it.

local kit = require 'moonbid.kit'
local folders = require 'spec.support.folder'
local json = require 'dkjson'

local CONFIG = [[return {
  listen = { '127.0.0.1:0' }, notice_url = 'http://rtb.example.com', data = 'data', scripts = '.', currency = 'USD',
  endpoints = {
    { name = 'xandr', path = '/xandr', exchange = 'xandr', member = '4401' },
    { name = 'xandr-openrtb', path = '/xandr-openrtb/bid', exchange = 'openrtb', dialect = 'xandr', member = '4401' },
  },
}]]

-- A thousand impressions for 1,500; the whole of a bid is held.
local STRATEGY = [[return strategy {
  name = 'dear', limits = { %s },
  bid = function() return { price = 1500, creative_id = '29681' } end,
}]]

local function platform() return kit.xandr.bid() end
local function openrtb() return kit.openrtb.banner { path = '/xandr-openrtb/bid' } end

local function openrtb_bid(answer) return json.decode(answer.http.body).seatbid[1].bid[1] end

local WAYS = {
  { name = 'the platform protocol', offer = platform,
    price = function(answer) return json.decode(answer.http.body).bid_response.responses[1].price end,
    win = function(bidder, answer) return bidder:notify(answer, { price_paid = 1200 }) end },
  { name = 'OpenRTB', offer = openrtb,
    price = function(answer) return openrtb_bid(answer).price end,
    win = function(bidder, answer)
      local path, query = openrtb_bid(answer).nurl:gsub('%${AUCTION_PRICE}', '1200'):gsub('%${AUCTION_CURRENCY}', 'USD')
        :match '^https?://[^/]+(/[^?]*)%??(.*)$'
      return bidder:send { method = 'GET', path = path, query = query }
    end },
}

describe('a price that Xandr cuts', function()
  local folder
  before_each(function()
    folder = folders.new()
    folder:write('moonbid.conf.lua', CONFIG)
  end)
  after_each(function() folder:remove() end)

  local function load(limits)
    folder:write('strategies/dear.lua', STRATEGY:format(limits))
    return folder:load { config = folder.path .. '/moonbid.conf.lua', now = '2026-03-02T09:00:00Z' }
  end

  for _, way in ipairs(WAYS) do
    it('is sent and told as 999 over ' .. way.name, function()
      local answer = load '':send(way.offer())
      assert.bids(answer, { price = 999 })
      assert.equals(999, way.price(answer))
    end)

    it('books no more than was sent over ' .. way.name, function()
      local bidder = load ''
      assert.equals(200, way.win(bidder, bidder:send(way.offer())).http.status)
      assert.equals(0.999, bidder:spent 'dear')
    end)

    it('holds no more than was sent over ' .. way.name, function()
      local bidder = load "daily = 2, reserve = 'full'"
      assert.bids(bidder:send(way.offer()))
      assert.bids(bidder:send(way.offer())) -- 1.5 and 1.5 would be past it
      assert.nobids(bidder:send(way.offer()), 'budget')
    end)

    it("is held against the strategy's highest bid before it is cut, over " .. way.name, function()
      assert.nobids(load 'max_bid = 1000':send(way.offer()), 'over_max_bid')
    end)
  end
end)
