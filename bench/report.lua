--- report.lua RESULTS LATENCIES - medians, spread and ratios of what bench/run measured.
--
-- A line of RESULTS: case server requests seconds cpu_us, and times that are not used here. A line of LATENCIES: case
-- server rate requests seconds cpu_us, then microseconds from due to answered: of 50, 99, 99.9 and 100 % of requests.
local SERVERS = { 'bidder', 'nginx', 'epoll' }
-- What a bid may cost; a no-bid is measured against the bare server alone, since nginx too does next to nothing then.
local TARGETS = { { server = 'nginx', most = 0.6, bids_only = true }, { server = 'epoll', most = 2.5 } }

local function read_results(path)
  local cases, by_name = {}, {}
  for line in io.lines(path) do
    local name, server, requests, seconds, cpu_us = line:match '^(%S+) (%S+) (%S+) (%S+) (%S+)'
    local case = by_name[name]
    if not case then
      case = { name = name }
      by_name[name] = case
      cases[#cases + 1] = case
    end
    local figures = case[server] or { cpu = {}, rate = {} }
    case[server] = figures
    table.insert(figures.cpu, cpu_us / requests)
    table.insert(figures.rate, requests / seconds)
  end
  return cases
end

--- Median, least and most.
local function summary(values)
  table.sort(values)
  local n = #values
  local median = (values[math.floor((n + 1) / 2)] + values[math.ceil((n + 1) / 2)]) / 2
  return median, values[1], values[n]
end

local function print_case(case)
  for _, server in ipairs(SERVERS) do
    local figures = case[server]
    if figures then
      local cpu, cpu_least, cpu_most = summary(figures.cpu)
      local rate, rate_least, rate_most = summary(figures.rate)
      print(('%-12s %-8s %8.2f %7.2f..%-7.2f %10.0f %8.0f..%-8.0f %6d'):format(
        case.name, server, cpu, cpu_least, cpu_most, rate, rate_least, rate_most, #figures.cpu))
    end
  end
end

local function print_ratios(case)
  for _, target in ipairs(TARGETS) do
    if case.bidder and case[target.server] then
      local ratio = summary(case.bidder.cpu) / summary(case[target.server].cpu)
      local aimed = not (target.bids_only and case.name:match '_nobid$')
      print(('%-12s bidder / %-6s %6.2f%s'):format(case.name, target.server, ratio, aimed
        and ('   at most %.1f: %s'):format(target.most, ratio <= target.most and 'yes' or 'NO') or ''))
    end
  end
end

local cases = read_results(arg[1])
print(('%-12s %-8s %8s %16s %10s %18s %6s'):format(
  'case', 'server', 'CPU us', 'least..most', 'requests/s', 'least..most', 'rounds'))
for _, case in ipairs(cases) do print_case(case) end
print '\nCPU time a request, ratio of medians:'
for _, case in ipairs(cases) do print_ratios(case) end
print '\nTime from when a request was due to its answer, at half the bidder\'s most:'
print(('%-12s %-8s %10s %10s %8s %8s %8s %8s'):format(
  'case', 'server', 'due/s', 'answers/s', '50 % us', '99 %', '99.9 %', 'most'))
for line in io.lines(arg[2]) do
  local fields = {}
  for field in line:gmatch '%S+' do fields[#fields + 1] = tonumber(field) or field end
  print(('%-12s %-8s %10.0f %10.0f %8.0f %8.0f %8.0f %8.0f'):format(
    fields[1], fields[2], fields[3], fields[4] / fields[5], fields[7], fields[8], fields[9], fields[10]))
end
