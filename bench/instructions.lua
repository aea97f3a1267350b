--- instructions.lua STAGES COMPILER TABLE [--write] - how many instructions a bid takes, stage by stage, against the table.
--
-- callgrind runs STAGES (bench/stages.c) with FEW and with MANY requests; the difference is what the requests cost, without
-- the start. Counts repeat with the same compiler and libraries: 3 % more than the table says is a failure. Where the new
-- cost is worth it, or less: --write, which `cmake --build build/dev --target instructions` does. Exit status 77, skipped:
-- no valgrind, or another compiler than the table's.
local stages, compiler, path, write = arg[1], arg[2], arg[3], arg[4] == '--write'
local FEW, MANY, MARGIN = 100, 400, 0.03

local CASES = { 'push', 'nobid', 'openrtb', 'openrtb+notices' }
-- Each stage with all that it calls; `bid` holds the others, and what stands between them (checks, money, signing).
local STAGES = {
  { name = 'decode', pattern = 'decode_request$' },
  { name = 'index', pattern = '^mb_index_find$' },
  { name = 'script', pattern = '^mb_script_bid$' },
  { name = 'encode', pattern = 'encode_answer$' },
  { name = 'bid', pattern = '^answer_bid$' },
}

local function skip(why)
  print('skipped: ' .. why)
  os.exit(77)
end

local function output(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read '*a'
  pipe:close()
  return text
end

--- Instructions by stage of so many requests.
local function count(case, requests)
  local file = os.tmpname()
  local run = ('valgrind --tool=callgrind --callgrind-out-file=%s %s %s %d 2>&1'):format(file, stages, case, requests)
  local said = output(run .. '; echo status=$?')
  assert(said:match 'status=0', said)
  local found = {}
  for line in output('callgrind_annotate --inclusive=yes --auto=no --threshold=100 ' .. file):gmatch '[^\n]+' do
    local n, name = line:match '^%s*([%d,]+) %([^)]*%)%s+%S-:([%w_]+)'
    for _, stage in ipairs(STAGES) do
      if name and name:match(stage.pattern) then
        found[stage.name] = math.max(found[stage.name] or 0, tonumber((n:gsub(',', ''))))
      end
    end
  end
  os.remove(file)
  return found
end

local function measure()
  local counts = {}
  for _, case in ipairs(CASES) do
    local few, many = count(case, FEW), count(case, MANY)
    for _, stage in ipairs(STAGES) do
      local name = stage.name
      counts[case .. ' ' .. name] = math.floor(((many[name] or 0) - (few[name] or 0)) / (MANY - FEW) + 0.5)
    end
  end
  return counts
end

local function read_table()
  local known, of = {}, nil
  for line in io.lines(path) do
    of = of or line:match '^compiler (.+)$'
    local case, stage, n = line:match '^(%S+) +(%S+) +(%d+)$'
    if case then known[case .. ' ' .. stage] = tonumber(n) end
  end
  return known, of
end

local function each(visit)
  for _, case in ipairs(CASES) do
    for _, stage in ipairs(STAGES) do visit(case, stage.name) end
  end
end

local function write_table(counts)
  local file = assert(io.open(path, 'w'))
  file:write('Instructions of a bid by stage, each with all that it calls; see instructions.lua.\ncompiler ', compiler, '\n')
  each(function(case, stage) file:write(('%-16s %-7s %7d\n'):format(case, stage, counts[case .. ' ' .. stage])) end)
  file:close()
end

if not output('command -v valgrind'):match '%S' then skip 'no valgrind' end
if write then
  write_table(measure())
  os.exit(0)
end
local known, of = read_table()
if of ~= compiler then skip(('the table is of %s, this is %s'):format(of, compiler)) end
local counts, failed = measure(), false
each(function(case, stage)
  local now, before = counts[case .. ' ' .. stage], known[case .. ' ' .. stage]
  local more = before and before > 0 and now / before - 1 or 0
  local wrong = not before or more > MARGIN or (before > 0) ~= (now > 0)
  failed = failed or wrong
  print(('%-16s %-7s %7d %+6.1f %%%s'):format(case, stage, now, more * 100, wrong and '   MORE THAN THE TABLE SAYS' or ''))
end)
local alone, beside = counts['openrtb bid'], counts['openrtb+notices bid']
print(('a bid with notices between / without: %.4f'):format(beside / alone))
assert(math.abs(beside / alone - 1) < 0.01, 'notices make bids dearer')
if failed then print 'if that is worth it: cmake --build build/dev --target instructions' end
os.exit(failed and 1 or 0)
