--- notices.lua RESULTS - what bench/notices measured, beside the aims. Status 1 where one is missed.
--
-- A line of RESULTS: ledger case figures. Figures of the client: answers seconds cpu_us p50_us p99_us p99.9_us most_us;
-- behind those of notices: commits, and the median of their time in microseconds.
local LEDGERS = { 'empty', 'full' }

local function median(values)
  if not values then return nil end
  table.sort(values)
  local n = #values
  return (values[math.floor((n + 1) / 2)] + values[math.ceil((n + 1) / 2)]) / 2
end

--- seen[ledger][case][what]: a value a round.
local function read(path)
  local seen = {}
  for line in io.lines(path) do
    local fields = {}
    for field in line:gmatch '%S+' do fields[#fields + 1] = tonumber(field) or field end
    local ledger, case = fields[1], fields[2]
    local row = { alone = fields[3] }
    if #fields > 3 then
      row = { rate = fields[3] / fields[4], cpu = fields[5] / fields[3], p50 = fields[6], p99 = fields[7],
              p999 = fields[8], most = fields[9], batch = fields[10] and fields[3] / fields[10], commit = fields[11] }
    end
    seen[ledger] = seen[ledger] or {}
    seen[ledger][case] = seen[ledger][case] or {}
    for what, value in pairs(row) do
      local values = seen[ledger][case][what] or {}
      seen[ledger][case][what] = values
      values[#values + 1] = value
    end
  end
  return seen
end

local seen = read(arg[1])
local function of(ledger, case, what)
  return seen[ledger] and seen[ledger][case] and median(seen[ledger][case][what])
end

local missed = false

--- label, format of a figure, function of a ledger giving it, aim as text and as a test of the figure.
local function line(label, format, figure, aim, holds)
  local out, empty, full = { ('%-52s'):format(label) }, nil, nil
  for _, ledger in ipairs(LEDGERS) do
    local value = figure(ledger)
    out[#out + 1] = value and ('%10s'):format(format:format(value)) or ('%10s'):format '-'
    if ledger == 'empty' then empty = value else full = value end
    if value and holds and not holds(value) then missed, aim = true, aim:gsub(': %a+$', '') .. ': NO'
    elseif value and holds and not aim:find ': NO' then aim = aim:gsub(': %a+$', '') .. ': yes' end
  end
  out[#out + 1] = empty and full and ('%7.2f'):format(full / empty) or ('%7s'):format '-'
  print(table.concat(out, ' ') .. (aim and '   ' .. aim or ''))
end

local function plain(case, what)
  return function(ledger) return of(ledger, case, what) end
end

local function ratio(case, what, other, other_what)
  return function(ledger)
    local a, b = of(ledger, case, what), of(ledger, other, other_what or what)
    return a and b and a / b
  end
end

local function at_most(n) return function(value) return value <= n end end
local function at_least(n) return function(value) return value >= n end end

print(('%-52s %10s %10s %7s   aim'):format('', 'empty', 'full', 'ratio'))
line('bid requests a second, as many as there can be', '%.0f', plain('bids_most', 'rate'))
line('  CPU us a bid', '%.2f', plain('bids_most', 'cpu'))
line('bid requests, 10,000 a second: CPU us a bid', '%.2f', plain('bids_10000', 'cpu'))
line('notices, 10,000 a second: so many a second', '%.0f', plain('notices_10000', 'rate'))
line('  CPU us a notice, all processes', '%.2f', plain('notices_10000', 'cpu'))
line('  CPU, notice / bid of the full load', '%.2f', ratio('notices_10000', 'cpu', 'bids_most'), 'at most 2.5', at_most(2.5))
line('  CPU, notice / bid at the same rate', '%.2f', ratio('notices_10000', 'cpu', 'bids_10000'))
line('  notices a commit', '%.1f', plain('notices_10000', 'batch'))
line('notices, 5,000 a second: so many a second', '%.0f', plain('notices_5000', 'rate'))
line('  latency from when due, median us', '%.0f', plain('notices_5000', 'p50'))
line('  latency, 99 % us', '%.0f', plain('notices_5000', 'p99'))
line('  latency, 99.9 % us', '%.0f', plain('notices_5000', 'p999'))
line('  a commit, median us', '%.0f', plain('notices_5000', 'commit'))
line('  write and fdatasync of 4 KB, median us', '%.0f', plain('sync', 'alone'))
line('  latency 99 % / commit', '%.2f', ratio('notices_5000', 'p99', 'notices_5000', 'commit'), 'at most 10', at_most(10))
line('notices a second, as many as there can be', '%.0f', plain('notices_most', 'rate'))
line('  CPU us a notice, all processes', '%.2f', plain('notices_most', 'cpu'))
line('  notices a commit', '%.1f', plain('notices_most', 'batch'))
line('  notices / bid requests a second', '%.2f', ratio('notices_most', 'rate', 'bids_most'), 'at least 0.25', at_least(0.25))
line('rows a second, the ledger alone', '%.0f', plain('prefill', 'alone'))
os.exit(missed and 1 or 0)
