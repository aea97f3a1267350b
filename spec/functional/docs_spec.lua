-- The pages of docs/exchanges hold: every command shown runs, and prints what the page says it prints.
--
-- The `sh` blocks of a page run in order, in one empty folder; each `text` block is found, as it is, in what the last of them
-- printed.

local Server = require 'spec.support.server'

local BINARY = assert(os.getenv 'MOONBID_BIN')

local function blocks(page)
  local found = {}
  for kind, text in Server.read_file(page):gmatch '```(%l+)\n(.-)\n```' do found[#found + 1] = { kind = kind, text = text } end
  return found
end

describe('docs/exchanges', function()
  local folder
  before_each(function()
    local pipe = io.popen 'mktemp -d'
    folder = pipe:read '*l'
    pipe:close()
  end)
  after_each(function() os.execute('rm -rf ' .. folder) end)

  local function run(commands)
    Server.write_file(folder .. '/block.sh', 'set -e\ncd ' .. folder .. '\n' ..
      commands:gsub('build/release/moonbid', "'" .. BINARY .. "'") .. '\n')
    local pipe = io.popen('sh ' .. folder .. '/block.sh 2>&1; echo "status=$?"')
    local output = pipe:read '*a'
    pipe:close()
    return output:match '^(.*)status=(%d+)\n$'
  end

  for _, name in ipairs { 'exoclick', 'openrtb', 'xandr' } do
    it(name .. '.md shows commands that work', function()
      local page = blocks('docs/exchanges/' .. name .. '.md')
      local output, status
      local texts = 0
      for _, block in ipairs(page) do
        if block.kind == 'sh' then
          output, status = run(block.text)
          assert.equal('0', status, output)
        else
          assert.equal('text', block.kind)
          assert.matches(block.text, output, 1, true)
          texts = texts + 1
        end
      end
      assert.is_true(texts > 0)
    end)
  end
end)
