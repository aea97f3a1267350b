-- The pages for those who connect exchanges and write strategies hold: every command shown runs, and prints what the page says
-- it prints.
--
-- The `sh` blocks of a page run in order, in one folder; each `text` block is found, as it is, in what the last of them printed.

local socket = require 'socket'
local Server = require 'spec.support.server'

local BINARY = assert(os.getenv 'MOONBID_BIN')
local ROOT = io.popen('pwd'):read '*l'
local KIT = BINARY:gsub('[^/]+$', 'kit')

local function blocks(page)
  local found = {}
  for kind, text in Server.read_file(page):gmatch '```(%l+)\n(.-)\n```' do found[#found + 1] = { kind = kind, text = text } end
  return found
end

describe('docs', function()
  local folder
  before_each(function()
    local pipe = io.popen 'mktemp -d'
    folder = pipe:read '*l'
    pipe:close()
  end)
  after_each(function() os.execute('rm -rf ' .. folder) end)

  -- A server that a block started ends with it.
  local function run(commands)
    local ending = 'trap \'[ -z "$server" ] || { kill -TERM "$server" 2>&- || :; wait "$server" || :; }\' EXIT\n'
    Server.write_file(folder .. '/block.sh', 'set -e\n' .. ending .. 'cd ' .. folder .. '\n' ..
      commands:gsub('build/release/moonbid', "'" .. BINARY .. "'") .. '\n')
    local pipe = io.popen('sh ' .. folder .. '/block.sh 2>&1; echo "status=$?"')
    local output = pipe:read '*a'
    pipe:close()
    return output:match '^(.*)status=(%d+)\n$'
  end

  -- `change` gives a block's commands as they are to be run here.
  local function check(page, change)
    local output, status
    local texts = 0
    for _, block in ipairs(blocks(page)) do
      if block.kind == 'sh' then
        output, status = run(change and change(block.text) or block.text)
        assert.equal('0', status, output)
      elseif block.kind == 'text' then
        assert.matches(block.text, output, 1, true)
        texts = texts + 1
      end
    end
    assert.is_true(texts > 0)
  end

  for _, name in ipairs { 'exoclick', 'openrtb', 'xandr' } do
    it('exchanges/' .. name .. '.md shows commands that work', function() check('docs/exchanges/' .. name .. '.md') end)
  end

  -- A page's ports may be somebody's: two free ones instead, and the example config without the database that is fetched.
  -- The kit is the one that belongs to the binary; where that is sanitized, an interpreter that is not cannot load it, and
  -- the page's specs are left out.
  local function check_server(page)
    local ports = {}
    for i = 1, 2 do
      local probe = assert(socket.bind('127.0.0.1', 0))
      ports[i] = { taken = probe, number = select(2, probe:getsockname()) }
    end
    for _, port in ipairs(ports) do port.taken:close() end
    local function moved(text)
      text = text:gsub('127%.0%.0%.1:8080', '127.0.0.1:' .. ports[1].number)
      return (text:gsub('127%.0%.0%.1:9090', '127.0.0.1:' .. ports[2].number))
    end
    local config = Server.read_file('moonbid.conf.lua'):gsub("\n  geoip = '[^\n]+", ''):gsub("workers = 'auto'", 'workers = 1')
    Server.write_file(folder .. '/moonbid.conf.lua', moved(config))
    check(page, function(commands)
      commands = commands:gsub('%./dev build\n', '')
      if os.getenv 'MOONBID_SLOWDOWN' then commands = commands:gsub('luajit /usr/bin/busted [^\n]*', ':') end
      return moved((commands:gsub("'scripts/%?", "'" .. ROOT .. '/scripts/?'):gsub('build/release/kit', KIT)))
    end)
  end

  it('strategies.md shows commands that work', function() check_server 'docs/strategies.md' end)
  it('tutorial.md shows commands that work', function() check_server 'docs/tutorial.md' end)
end)
