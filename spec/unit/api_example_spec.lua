-- The strategy file and its spec as the contract with traders prints them: spec/fixtures/api-example holds both byte for
-- byte. The spec says `scripts = 'scripts'`, so it runs with the example as the current folder, as a trader's would.
local lfs = require 'lfs'

local EXAMPLE = 'spec/fixtures/api-example'

describe('the example of the contract', function()
  local home = lfs.currentdir()
  local spec = assert(loadfile(EXAMPLE .. '/spec/de_push_spec.lua'))

  setup(function() assert(lfs.chdir(EXAMPLE)) end)
  teardown(function() assert(lfs.chdir(home)) end)

  setfenv(spec, getfenv(1))
  spec()
end)
