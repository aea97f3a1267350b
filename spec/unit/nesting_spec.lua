-- Nesting without end costs a bid, not the interpreter that the kit runs in. A slow machine may stop it by its time first.

local kit = require 'moonbid.kit'
local folders = require 'spec.support.folder'
local nesting = require 'spec.support.nesting'

describe('nesting without end', function()
  local folder
  before_each(function() folder = folders.new() end)
  after_each(function() folder:remove() end)

  for name, body in pairs(nesting) do
    it('is an error of that call alone: ' .. name, function()
      folder:strategy('', ("if req.user.keyword then %s end return nobid 'fine'"):format(body))
      local bidder = folder:load()
      for _ = 1, 3 do
        local answer = bidder:bid(kit.exoclick.banner { keyword = 'x' })
        local reason = answer.nobids[1].reason
        assert.is_true(reason == 'script_error' or reason == 'script_timeout', reason)
        assert.matches(reason == 'script_error' and 'stack overflow' or 'too long', answer.nobids[1].problem, 1, true)
        assert.nobids(bidder:bid(kit.exoclick.banner()), 'fine')
      end
    end)

    it('is an error of the file that does it while loading: ' .. name, function()
      folder:write('strategies/probe.lua', body)
      local ok, problem = pcall(folder.load, folder)
      assert.is_false(ok)
      assert.matches('strategies/probe.lua', problem, 1, true)
      assert.matches('stack overflow', problem, 1, true)
    end)
  end
end)
