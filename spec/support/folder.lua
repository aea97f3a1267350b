--- folder.lua - a scripts folder of a spec's own, gone when the spec ends.
--
--     local folder = require('spec.support.folder').new()
--     folder:write('strategies/a.lua', "return strategy { ... }")
--     local bidder = folder:load { now = '2026-03-02T09:00:00Z' }
--     folder:remove()
local kit = require 'moonbid.kit'

local Folder = {}
Folder.__index = Folder

local function new()
  local pipe = io.popen 'mktemp -d'
  local path = pipe:read '*l'
  pipe:close()
  os.execute(('mkdir %s/strategies %s/lib %s/lists'):format(path, path, path))
  return setmetatable({ path = path }, Folder)
end

function Folder:write(name, text)
  local file = assert(io.open(self.path .. '/' .. name, 'wb'))
  file:write(text)
  file:close()
end

--- A kit's bidder on the folder, with any options of kit.load.
function Folder:load(options)
  options = options or {}
  options.scripts = self.path
  return kit.load(options)
end

--- One strategy as the only file: `keys` of the strategy, then the body of its bid function.
function Folder:strategy(keys, body)
  self:write('strategies/probe.lua', ("return strategy { name = 'probe', %s bid = function(ctx, req, imp)\n%s\nend }")
    :format(keys, body))
end

function Folder:remove()
  os.execute('rm -r ' .. self.path)
end

return { new = new }
