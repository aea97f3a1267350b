-- A geo database that is replaced while the engine serves: by renaming, in place, by a broken one.

local Server = require 'spec.support.server'
local dkjson = require 'dkjson'
local mmdb = require 'spec.support.mmdb'

local PLACE = [[
return strategy { name = 'place', target = { format = { 'push' } },
  bid = function(ctx, req)
    local g = req.geo
    local place = ('%s %s %s %s %s %s'):format(g.country, g.region, g.city, g.zip, g.lat, g.lon)
    return { price = 0.5, model = 'cpc', title = place, description = 'd', icon_url = 'https://cdn.example/i.png',
             click_url = 'https://go.example/' }
  end }
]]

local BERLIN = { country = { iso_code = 'DE' }, subdivisions = { { iso_code = 'BE' } },
                 city = { names = { de = 'falsch', en = 'Berlin' } }, postal = { code = '10117' },
                 location = { latitude = 52.5196, longitude = 13.4069 } }
local VIENNA = { country = { iso_code = 'AT' }, subdivisions = { { iso_code = '9' } }, city = { names = { en = 'Vienna' } } }

describe('a geo database', function()
  local server, path

  before_each(function()
    server = Server.start {
      strategies = { ['place.lua'] = PLACE },
      files = {
        ['places.mmdb'] = mmdb.encode { { '192.0.2.0/24', BERLIN }, { '198.51.100.7/32', { country_code = 'CH' } } },
      },
      config = "geoip = 'places.mmdb', workers = 2,",
    }
    path = server.folder .. '/places.mmdb'
  end)
  after_each(function() server:finish() end)

  local n = 0
  local function place(ip)
    n = n + 1
    local body = '{"id":"g%d","ip":"%s","ua":"Mozilla/5.0","language":"de","type":"push_notification","user_id":"","export":"json"}'
    local answer = server:post('/exoclick/bid', body:format(n, ip or '192.0.2.9'))
    assert.equal(200, answer.status, answer.body)
    return dkjson.decode(answer.body).bid.title
  end

  -- Both workers: connections are spread over them.
  local function wait_for(wanted)
    Server.poll('all tell ' .. wanted, 10, function()
      for _ = 1, 16 do
        if place() ~= wanted then return false end
      end
      return true
    end)
  end

  it('tells the place, as far as it knows', function()
    assert.equal('DE BE Berlin 10117 52.5196 13.4069', place())
    assert.equal('DE BE Berlin 10117 52.5196 13.4069', place '::ffff:192.0.2.9')
    assert.equal('CH nil nil nil nil nil', place '198.51.100.7')
    assert.equal('nil nil nil nil nil nil', place '203.0.113.1')
  end)

  it('is renewed at a reload where its file was replaced, and not where it was not', function()
    Server.write_file(path, mmdb.encode { { '192.0.2.0/24', VIENNA } }) -- writes another, renames
    assert.matches('^DE ', place())
    server:reload()
    wait_for 'AT 9 Vienna nil nil nil'
    server:reload()
    local _, renewed = server:log():gsub(' process reload outcome=loaded [^\n]* changed=geoip ', '')
    assert.equal(1, renewed)
  end)

  it('is not touched by what happens to its file, before a reload', function()
    os.execute((': >%s'):format(path)) -- cut short in place: a mapped file would kill its readers
    for _ = 1, 32 do assert.equal('DE BE Berlin 10117 52.5196 13.4069', place()) end
    mmdb.write(path, { { '192.0.2.0/24', VIENNA } })
    assert.matches('^DE ', place())
    server:reload()
    wait_for 'AT 9 Vienna nil nil nil'
  end)

  it('stays where the new one is broken, cut short or gone', function()
    server:expect_error 'geo database refused'
    local whole = mmdb.encode { { '192.0.2.0/24', VIENNA } }
    for _, text in ipairs { '', 'no database', whole:sub(1, -20), ('\255'):rep(24 * 6) .. whole:sub(24 * 6 + 1) } do
      Server.write_file(path, text)
      server:reload()
      assert.matches('^DE ', place())
    end
    os.remove(path)
    server:reload()
    assert.matches('^DE ', place())
    local _, refused = server:log():gsub('geo database refused, the one before stays in use file=%S*places.mmdb error=', '')
    assert.equal(5, refused)
    Server.write_file(path, whole)
    server:reload()
    wait_for 'AT 9 Vienna nil nil nil'
  end)

  it('is the new one for a worker that starts later', function()
    Server.write_file(path, mmdb.encode { { '192.0.2.0/24', VIENNA } })
    server:reload()
    wait_for 'AT 9 Vienna nil nil nil'
    local before = server:workers()
    for _, worker in ipairs(before) do os.execute('kill -KILL ' .. worker.pid) end
    Server.poll('both are replaced', 10, function()
      local ok, now = pcall(server.workers, server)
      if not ok then return false end
      for i, worker in ipairs(now) do
        if worker.state ~= 'serving' or worker.pid == before[i].pid then return false end
      end
      return true
    end)
    wait_for 'AT 9 Vienna nil nil nil'
  end)
end)
