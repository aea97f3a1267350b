-- `moonbid new`: what it writes loads, bids, and passes its own spec.

local Server = require 'spec.support.server'

local FORMATS = { 'banner', 'popunder', 'push', 'in_page_push', 'native', 'video', 'audio', 'direct_link', 'email_click' }
local KIT = os.getenv('MOONBID_BIN'):gsub('[^/]*$', '') .. 'kit/?.so'
local SANITIZED = os.getenv 'MOONBID_SLOWDOWN' -- the interpreter that runs the kit is not

describe('moonbid new', function()
  local folder
  before_each(function()
    local pipe = io.popen 'mktemp -d'
    folder = pipe:read '*l'
    pipe:close()
  end)
  after_each(function() os.execute('rm -rf ' .. folder) end)

  local function new(arguments) return Server.run('new --scripts mine ' .. arguments, folder) end

  local function busted()
    local pipe = io.popen(("cd %s && luajit $(command -v busted) --ignore-lua --output=plainTerminal --lpath='%s/scripts/?.lua' "
      .. "--cpath='%s' spec 2>&1"):format(folder, io.popen('pwd'):read '*l', KIT))
    local output = pipe:read '*a'
    pipe:close()
    return output
  end

  it('writes a strategy of each format that loads, and a spec that passes', function()
    for _, format in ipairs(FORMATS) do
      local output, code = new(('--format %s my_%s'):format(format, format))
      assert.equal(0, code, output)
      assert.matches(('wrote mine/strategies/my_%s.lua\nwrote spec/strategies/my_%s_spec.lua\n'):format(format, format),
        output, 1, true)
    end
    local output, code = Server.run('check --scripts mine', folder)
    assert.equal(0, code, output)
    assert.matches('ok: 9 strategies, 0 warnings', output, 1, true)
    if not SANITIZED then assert.matches('\n30 successes / 0 failures / 0 errors', busted(), 1, true) end
  end)

  it('writes nothing over', function()
    assert.equal(0, select(2, new 'tea'))
    local before = Server.read_file(folder .. '/mine/strategies/tea.lua')
    for _, path in ipairs { 'spec/strategies/tea_spec.lua', 'mine/strategies/tea.lua' } do
      local output, code = new '--format push tea'
      assert.equal(1, code)
      assert.matches(path .. ' is there already', output, 1, true)
      os.remove(folder .. '/spec/strategies/tea_spec.lua')
      assert.equal(before, Server.read_file(folder .. '/mine/strategies/tea.lua'))
    end
  end)

  it('says what a name or a format may be, and what the folder refuses', function()
    for arguments, says in pairs {
      ["'A b'"] = 'a-z 0-9 _ -', [('x'):rep(65)] = '1 to 64', ["''"] = 'no name', ['../x'] = 'no name',
      ['--format tea x'] = "not 'tea'", [''] = 'NAME',
    } do
      local output, code = new(arguments)
      assert.equal(2, code, output)
      assert.matches(says, output, 1, true)
    end
    Server.write_file(folder .. '/mine', 'a file')
    local output, code = new 'tea'
    assert.equal(3, code)
    assert.matches('mine/strategies/tea.lua: ', output, 1, true)
  end)
end)
