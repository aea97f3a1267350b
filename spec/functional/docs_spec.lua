-- The pages for those who connect exchanges and write strategies hold: every command shown runs, and prints what the page says
-- it prints.
--
-- The `sh` blocks of a page run as they are printed and in order, in one folder that looks like a clone after `./dev build`;
-- each `text` block is found, as it is, in what the last of them printed.
--
-- Pages that start a server do so in a network of their own, where the printed ports are free. Where the system allows none,
-- two free ports take the place of those.

local socket = require 'socket'
local Server = require 'spec.support.server'

local BINARY = assert(os.getenv 'MOONBID_BIN')
local EXCHANGE = assert(os.getenv 'MOONBID_EXCHANGE_BIN')
local ALONE = assert(os.getenv 'MOONBID_ALONE_BIN', 'MOONBID_ALONE_BIN names what runs a command in a network of its own')
local KIT = BINARY:gsub('[^/]+$', 'kit')

local function succeeds(command)
  local status = os.execute(command)
  return status == 0 or status == true
end

local has_network = succeeds(ALONE .. ' true 2>&-')

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
    assert.is_true(succeeds(('mkdir -p %s/build/release && cp -r scripts %s/'):format(folder, folder)))
    for name, target in pairs { moonbid = BINARY, ['moonbid-exchange'] = EXCHANGE, kit = KIT } do
      assert.is_true(succeeds(("ln -s '%s' %s/build/release/%s"):format(target, folder, name)))
    end
  end)
  after_each(function() os.execute('rm -rf ' .. folder) end)

  -- A server that a block started ends with it.
  local function run(commands)
    local ending = 'trap \'[ -z "$server" ] || { kill -TERM "$server" 2>&- || :; wait "$server" || :; }\' EXIT\n'
    Server.write_file(folder .. '/block.sh', 'set -e\n' .. ending .. 'cd ' .. folder .. '\n' .. commands .. '\n')
    local pipe = io.popen(('%s sh %s/block.sh 2>&1; echo "status=$?"'):format(has_network and ALONE or '', folder))
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

  -- The text with two free ports for the printed ones.
  local function mover()
    local ports = {}
    for i = 1, 2 do
      local probe = assert(socket.bind('127.0.0.1', 0))
      ports[i] = { taken = probe, number = select(2, probe:getsockname()) }
    end
    for _, port in ipairs(ports) do port.taken:close() end
    return function(text)
      text = text:gsub('127%.0%.0%.1:8080', '127.0.0.1:' .. ports[1].number)
      return (text:gsub('127%.0%.0%.1:9090', '127.0.0.1:' .. ports[2].number))
    end
  end

  -- The example config without the database that is fetched. What is tested has been built. The kit belongs to the binary:
  -- where that is sanitized, an interpreter that is not cannot load it, and the page's specs are left out.
  local function check_server(page)
    local moved = has_network and function(text) return text end or mover()
    local config = Server.read_file('moonbid.conf.lua'):gsub("\n  geoip = '[^\n]+", ''):gsub("workers = 'auto'", 'workers = 1')
    Server.write_file(folder .. '/moonbid.conf.lua', moved(config))
    check(page, function(commands)
      commands = commands:gsub('%./dev build\n', '')
      if os.getenv 'MOONBID_SLOWDOWN' then commands = commands:gsub('luajit /usr/bin/busted [^\n]*', ':') end
      return moved(commands)
    end)
  end

  it('strategies.md shows commands that work', function() check_server 'docs/strategies.md' end)
  it('tutorial.md shows commands that work', function() check_server 'docs/tutorial.md' end)
end)
