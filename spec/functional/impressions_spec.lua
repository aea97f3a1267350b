-- The image that counts impressions, as a visitor's browser fetches it from the running server.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'

local REQUEST = [[{"id":"r1","imp":[{"id":"1","banner":{"w":300,"h":250}}],"site":{"domain":"s.example"}}]]

describe('an impression', function()
  local server
  after_each(function()
    server:finish()
    server = nil
  end)

  it('is an image, on disk when it is answered, and counted once', function()
    server = Server.start { strategies = { ['a.lua'] = [[return strategy { name = 'a', track_impressions = true,
      bid = function() return { price = 2, image_url = 'https://c.example/i', click_url = 'https://c.example/' } end }]] } }
    local markup = server:post('/openrtb/bid', REQUEST).body
    local target = assert(markup:match '<img src=\\"http://[^/]+(/n/[%w_-]+)\\" alt')
    for _ = 1, 2 do
      local image = server:get(target)
      assert.equals(200, image.status)
      assert.equals('image/gif', image.headers['content-type'])
      assert.equals('no-store', image.headers['cache-control'])
      assert.equals('GIF89a', image.body:sub(1, 6))
    end
    assert.equals(405, server:post(target, '').status)
    local _, records = server:ledger():gsub('"type":"impression"', '')
    assert.equals(1, records)
    local report = Server.run('report --format json --data ' .. server.folder .. '/data')
    assert.equals(1, dkjson.decode(report).rows[1].impressions)
  end)
end)
