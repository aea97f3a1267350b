-- The spec of scripts/lib/shading.lua: a module is tested like any Lua, its chance given by the test.

local shading = require 'lib.shading'

-- A ctx that draws what we say, and remembers between which numbers.
local function ctx_drawing(value)
  local ctx = {}
  ctx.random = function(...) ctx.asked = { ... } return value end
  return ctx
end

describe('shading', function()
  it('knows what a click is worth in four countries', function()
    for country, worth in pairs { DE = 0.42, AT = 0.38, CH = 0.55, FR = 0.30 } do
      assert.equals(worth, shading.worth(country))
    end
  end)

  it('takes 0.20 where it has no figure, and where nobody knows the country', function()
    assert.equals(0.20, shading.worth 'PL')
    assert.equals(0.20, shading.worth(nil))
    assert.equals(0.20, shading.price(ctx_drawing(0), nil))
  end)

  it('offers the whole worth at most, and nine tenths at least', function()
    local ctx = ctx_drawing(0)
    assert.equals(0.42, shading.price(ctx, 'DE'))
    assert.same({ 0, 10 }, ctx.asked)
    assert.equals(0.378, shading.price(ctx_drawing(10), 'DE'))
  end)

  it('never offers more than a click is worth, whatever is drawn', function()
    for _, country in ipairs { 'DE', 'AT', 'CH', 'FR', 'PL' } do
      local worth = shading.worth(country)
      for draw = 0, 10 do
        local price = shading.price(ctx_drawing(draw), country)
        assert.is_true(price <= worth and price >= worth * 0.9 - 1e-9, ('%s %d: %s'):format(country, draw, price))
      end
    end
  end)
end)
