--- report.lua RESULTS [markdown] - medians, spread and ratios of what bench/run measured, beside the aims.
--
-- A line of RESULTS: table row server figures. Figures of the client: answers seconds cpu_us p50_us p99_us p99.9_us most_us;
-- of the table `memory`: requests so far, KiB. The n-th lines of two servers in a row are of the same round: ratios are
-- those of such pairs, so what the machine did meanwhile is in both.
local markdown = arg[2] == 'markdown'

-- What is aimed at, by table, row and server of the ratio.
local AIMS = {
  cases = { openrtb_bid = { nginx = 0.40, epoll = 1.6 }, push_nobid = { epoll = 1.3 } },
  strategies = { bidder_1000 = 1.10, bidder_10000 = 1.25 },
  latency = { bidder = 2.0, reload = 4.0 },
  memory_mib = 48,
  replay = { mixed = 0.6, openrtb_bid = 0.6 }, -- of a decision; with ten impressions a request has ten
  -- A shadow may take a tenth of its worker's CPU time (shadow.cpu_share), so the rest is nine tenths of it.
  recorder = { recorder = 1.02, shadow = 1 / (1 - 0.1) },
}

-- Tables in their order, each a list of rows in theirs: { name, servers = { names }, [server] = { figures of a round } }.
local function read(path)
  local tables, by_name = {}, {}
  for line in io.lines(path) do
    local table_name, row_name, server, rest = line:match '^(%S+) (%S+) (%S+) (.*)$'
    local figures = {}
    for number in rest:gmatch '%S+' do figures[#figures + 1] = tonumber(number) end
    local rows = by_name[table_name]
    if not rows then
      rows = { name = table_name, by_name = {} }
      by_name[table_name], tables[#tables + 1] = rows, rows
    end
    local row = rows.by_name[row_name]
    if not row then
      row = { name = row_name, servers = {} }
      rows.by_name[row_name], rows[#rows + 1] = row, row
    end
    if not row[server] then
      row[server], row.servers[#row.servers + 1] = {}, server
    end
    table.insert(row[server], figures)
  end
  return tables
end

--- Median, first and third quartile.
local function summary(values)
  table.sort(values)
  local n = #values
  local function at(share) return values[math.floor(share * (n - 1) + 1.5)] end
  return (values[math.floor((n + 1) / 2)] + values[math.ceil((n + 1) / 2)]) / 2, at(0.25), at(0.75)
end

local function each(rounds, figure)
  local values = {}
  for i, figures in ipairs(rounds) do values[i] = figure(figures) end
  return values
end

--- Of the rounds that both have.
local function ratios(rounds, others, figure)
  local values = {}
  for i = 1, math.min(#rounds, #others) do values[i] = figure(rounds[i]) / figure(others[i]) end
  return values
end

local function cpu(f) return f[3] / f[1] end
local function rate(f) return f[1] / f[2] end

local function with_spread(format, values)
  return (format .. ' (' .. format .. '..' .. format .. ')'):format(summary(values))
end

local function against(aim, value)
  if not aim then return '' end
  return ('at most %.3g: %s'):format(aim, value <= aim and 'yes' or 'NO')
end

--- Rows of cells; the first one is the head.
local function print_table(rows)
  print ''
  if markdown then
    for i, cells in ipairs(rows) do
      print('| ' .. table.concat(cells, ' | ') .. ' |')
      if i == 1 then print('|' .. ('---|'):rep(#cells)) end
    end
    return
  end
  local width = {}
  for _, cells in ipairs(rows) do
    for i, cell in ipairs(cells) do width[i] = math.max(width[i] or 0, #cell) end
  end
  for _, cells in ipairs(rows) do
    local out = {}
    for i, cell in ipairs(cells) do out[i] = cell .. (' '):rep(width[i] - #cell) end
    print((table.concat(out, '  '):gsub(' +$', '')))
  end
end

local function cases(rows, head)
  local out = { { head, 'server', 'CPU us a request', 'requests/s', 'CPU, bidder / server', 'aim' } }
  for _, row in ipairs(rows) do
    for _, server in ipairs(row.servers) do
      local cells = { row.name, server, with_spread('%.2f', each(row[server], cpu)),
                      with_spread('%.0f', each(row[server], rate)), '', '' }
      if server ~= 'bidder' then
        local aims = (AIMS[rows.name] or {})[row.name] or {}
        local values = ratios(row.bidder, row[server], cpu)
        cells[5], cells[6] = with_spread('%.2f', values), against(aims[server], summary(values))
      end
      out[#out + 1] = cells
    end
  end
  print_table(out)
end

local print_of = {}

function print_of.cases(rows) cases(rows, 'case') end

function print_of.connections(rows) cases(rows, 'connections') end

function print_of.strategies(rows)
  local out = { { 'strategies', 'CPU us a request', 'requests/s', 'CPU, to that with one', 'aim' } }
  local row = rows[1]
  local first = row[row.servers[1]]
  for _, server in ipairs(row.servers) do
    local values = ratios(row[server], first, cpu)
    out[#out + 1] = { server:match '%d+', with_spread('%.2f', each(row[server], cpu)),
                      with_spread('%.0f', each(row[server], rate)), with_spread('%.3f', values),
                      against(AIMS.strategies[server], summary(values)) }
  end
  print_table(out)
end

function print_of.latency(rows)
  local out = { { 'case, strategies', 'server', 'answers/s', '50 % us', '99 % us', '99.9 % us', 'most us',
                  '99.9 %, to epoll', 'aim' } }
  for _, row in ipairs(rows) do
    for _, server in ipairs(row.servers) do
      local cells = { row.name, server == 'reload' and 'bidder, reload' or server,
                      ('%.0f'):format((summary(each(row[server], rate)))) }
      for figure = 4, 7 do
        local function at(f) return f[figure] end
        cells[#cells + 1] = figure == 6 and with_spread('%.0f', each(row[server], at))
          or ('%.0f'):format((summary(each(row[server], at))))
      end
      cells[8], cells[9] = '', ''
      if server ~= 'epoll' then
        local values = ratios(row[server], row.epoll, function(f) return f[6] end)
        cells[8], cells[9] = with_spread('%.2f', values), against(AIMS.latency[server], summary(values))
      end
      out[#out + 1] = cells
    end
  end
  print_table(out)
end

--- At the start, and at every tenth of the requests.
function print_of.memory(rows)
  local out = { { 'requests', 'worker, MiB', 'aim' } }
  local all = rows[1].bidder
  local last, next_tenth, half = all[#all], 0, nil
  for _, figures in ipairs(all) do
    local sent, mib = figures[1], figures[2] / 1024
    half = half or sent * 2 >= last[1] and mib
    if sent >= next_tenth then
      out[#out + 1] = { ('%d'):format(sent), ('%.1f'):format(mib), '' }
      next_tenth = sent + last[1] / 10
    end
  end
  out[#out + 1] = { ('%d'):format(last[1]), ('%.1f'):format(last[2] / 1024), against(AIMS.memory_mib, last[2] / 1024) }
  print_table(out)
  print(('\nfrom the half to the end: %+.2f MiB'):format(last[2] / 1024 - half))
end

--- Figures of replay: requests wall_us cpu_us KiB; of `large` the same of ten times the recording.
function print_of.replay(rows)
  local out = { { 'traffic', 'live, CPU us a request', 'replay, CPU us a request', 'CPU, replay / live', 'aim',
                  'requests/s, two cores', 'MiB', 'MiB, 10 times as much' } }
  local function replay_cpu(f) return f[3] / f[1] end
  local ratio = {}
  for _, row in ipairs(rows) do
    for i, live in ipairs(row.live) do ratio[i] = replay_cpu(row.replay[i]) / cpu(live) end
    out[#out + 1] = { row.name, with_spread('%.2f', each(row.live, cpu)), with_spread('%.2f', each(row.replay, replay_cpu)),
                      with_spread('%.2f', ratio), against(AIMS.replay[row.name], (summary(ratio))),
                      ('%.0f'):format((summary(each(row.replay, function(f) return f[1] / f[2] * 1e6 end)))),
                      ('%.1f'):format((summary(each(row.replay, function(f) return f[4] / 1024 end)))),
                      ('%.1f'):format(row.large[1][4] / 1024) }
  end
  print_table(out)
end

--- The median, and between what it lies in 19 of 20 cases, by the order of the values alone.
local function with_interval(values)
  local median = summary(values)
  local n = #values
  local low = math.max(1, math.floor((n - 1.96 * math.sqrt(n)) / 2))
  return ('%.3f (%.3f..%.3f)'):format(median, values[low], values[n + 1 - low])
end

--- `before` and `after` are those without, in the same round.
function print_of.recorder(rows)
  local out = { { 'with', 'CPU us a request', 'requests/s', 'CPU, to that without', 'aim' } }
  local row = rows[1]
  local without = {}
  for i, figures in ipairs(row.before) do without[i] = (cpu(figures) + cpu(row.after[i])) / 2 end
  for _, part in ipairs { 'before', 'recorder', 'shadow', 'after' } do
    local values = {}
    for i, figures in ipairs(row[part]) do values[i] = cpu(figures) / without[i] end
    local name = AIMS.recorder[part] and part or ('neither, ' .. part)
    out[#out + 1] = { name, with_spread('%.2f', each(row[part], cpu)), with_spread('%.0f', each(row[part], rate)),
                      with_interval(values), against(AIMS.recorder[part], (summary(values))) }
  end
  print_table(out)
end

for _, rows in ipairs(read(arg[1])) do print_of[rows.name](rows) end
