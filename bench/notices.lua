--- notices.lua RESULTS [markdown] - what bench/notices measured, beside the aims. Status 1 where one is missed.
--
-- A line of RESULTS: rows_N case figures. Figures of the client: answers seconds cpu_us p50_us p99_us p99.9_us most_us;
-- behind those of notices: commits, and their mean time in microseconds.
local FIELDS = { 'answers', 'seconds', 'cpu_us', 'p50', 'p99', 'p999', 'most', 'commits', 'commit' }

local function median(values)
  if not values then return nil end
  table.sort(values)
  local n = #values
  return (values[math.floor((n + 1) / 2)] + values[math.ceil((n + 1) / 2)]) / 2
end

--- A round's figures, by name.
local function row_of(numbers)
  if #numbers == 1 then return { alone = numbers[1] } end
  local row = {}
  for i, name in ipairs(FIELDS) do row[name] = numbers[i] end
  row.rate, row.cpu = row.answers / row.seconds, row.cpu_us / row.answers
  row.batch = row.commits and row.answers / row.commits
  row.p99_commits = row.commit and row.p99 / row.commit
  return row
end

--- The ledgers in their order, and seen[ledger][case][what]: a value a round.
local function read(path)
  local ledgers, seen = {}, {}
  for line in io.lines(path) do
    local ledger, case, rest = line:match '^(%S+) (%S+) (.*)$'
    local numbers = {}
    for number in rest:gmatch '%S+' do numbers[#numbers + 1] = tonumber(number) end
    if not seen[ledger] then
      seen[ledger] = {}
      ledgers[#ledgers + 1] = ledger
    end
    seen[ledger][case] = seen[ledger][case] or {}
    for what, value in pairs(row_of(numbers)) do
      local values = seen[ledger][case][what] or {}
      seen[ledger][case][what] = values
      values[#values + 1] = value
    end
  end
  table.sort(ledgers, function(a, b) return tonumber(a:match '%d+') < tonumber(b:match '%d+') end)
  return ledgers, seen
end

local ledgers, seen = read(arg[1])

local function plain(case, what)
  return function(ledger) return median((seen[ledger][case] or {})[what]) end
end

local function ratio(case, what, other)
  local a, b = plain(case, what), plain(other, what)
  return function(ledger) return a(ledger) and b(ledger) and a(ledger) / b(ledger) end
end

local function at_most(n) return { text = 'at most ' .. n, holds = function(value) return value <= n end } end
local function at_least(n) return { text = 'at least ' .. n, holds = function(value) return value >= n end } end

-- label, format of a figure, function of a ledger giving it, aim
local LINES = {
  { 'bid requests a second, as many as there can be', '%.0f', plain('bids_most', 'rate') },
  { '- CPU µs a bid', '%.2f', plain('bids_most', 'cpu') },
  { 'bid requests, 10,000 a second: CPU µs a bid', '%.2f', plain('bids_10000', 'cpu') },
  { 'notices, 10,000 a second: so many a second', '%.0f', plain('notices_10000', 'rate') },
  { '- CPU µs a notice, all processes', '%.2f', plain('notices_10000', 'cpu') },
  { '- CPU, notice / bid at the same rate', '%.2f', ratio('notices_10000', 'cpu', 'bids_10000'), at_most(2.5) },
  { '- CPU, notice / bid of the full load', '%.2f', ratio('notices_10000', 'cpu', 'bids_most') },
  { '- notices a commit', '%.1f', plain('notices_10000', 'batch') },
  { 'notices, 5,000 a second: so many a second', '%.0f', plain('notices_5000', 'rate') },
  { '- time from when due, median µs', '%.0f', plain('notices_5000', 'p50') },
  { '- 99 %, µs', '%.0f', plain('notices_5000', 'p99') },
  { '- 99.9 %, µs', '%.0f', plain('notices_5000', 'p999') },
  { '- a commit, mean µs', '%.0f', plain('notices_5000', 'commit') },
  { '- write and fdatasync of 4 KB, median µs', '%.0f', plain('sync', 'alone') },
  { '- 99 %, in commits of its round', '%.1f', plain('notices_5000', 'p99_commits'), at_most(10) },
  { 'notices a second, as many as there can be', '%.0f', plain('notices_most', 'rate') },
  { '- CPU µs a notice, all processes', '%.2f', plain('notices_most', 'cpu') },
  { '- notices a commit', '%.1f', plain('notices_most', 'batch') },
  { '- notices / bid requests a second', '%.2f', ratio('notices_most', 'rate', 'bids_most'), at_least(0.25) },
  { 'rows a second, the ledger alone', '%.0f', plain('prefill', 'alone') },
}

--- The cells of a line: its label, a figure a ledger, last to first, the aim and whether all meet it.
local function cells_of(label, format, figure, aim)
  local cells, values, met = { label }, {}, true
  for i, ledger in ipairs(ledgers) do
    local value = figure(ledger)
    values[i] = value or false
    cells[#cells + 1] = value and format:format(value) or '-'
    met = met and (not aim or value ~= nil and aim.holds(value))
  end
  local first, last = values[1], values[#ledgers]
  cells[#cells + 1] = #ledgers > 1 and first and last and ('%.2f'):format(last / first) or '-'
  cells[#cells + 1] = aim and ('%s: %s'):format(aim.text, met and 'yes' or 'NO') or ''
  return cells, met
end

local markdown = arg[2] == 'markdown'

local function print_cells(cells)
  if markdown then return print('| ' .. table.concat(cells, ' | ') .. ' |') end
  local out = { cells[1] .. (' '):rep(48 - #cells[1]:gsub('µ', 'u')) }
  for i = 2, #cells - 1 do out[i] = ('%10s'):format(cells[i]) end
  print(table.concat(out, ' ') .. '   ' .. cells[#cells])
end

local head = { '' }
for i, ledger in ipairs(ledgers) do head[i + 1] = ledger:match '%d+' .. ' rows' end
head[#head + 1] = 'last/first'
head[#head + 1] = 'aim'
print_cells(head)
if markdown then print('|---|' .. ('---:|'):rep(#ledgers + 1) .. '---|') end

local missed = false
for _, line in ipairs(LINES) do
  local cells, met = cells_of(unpack(line))
  print_cells(cells)
  missed = missed or not met
end
os.exit(missed and 1 or 0)
