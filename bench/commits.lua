--- commits.lua BEFORE AFTER - how many commits there were between two readings, and the median of their time in
-- microseconds. The histogram has powers of two; within one the times are taken as evenly spread.
local function read(path)
  local edges, counts = {}, {}
  for line in io.lines(path) do
    local edge, count = line:match '^bucket{le="([^"]+)"} (%d+)'
    if edge then
      edges[#edges + 1] = tonumber(edge) or math.huge
      counts[#counts + 1] = tonumber(count)
    end
  end
  return edges, counts
end

local edges, after = read(arg[2])
local _, before = read(arg[1])
local total = after[#after] - before[#before]
local lower, below = 0, 0
for i, edge in ipairs(edges) do
  local here = after[i] - before[i]
  if here * 2 >= total and total > 0 then
    print(total, math.floor(1e6 * (lower + (edge - lower) * (total / 2 - below) / (here - below)) + 0.5))
    return
  end
  lower, below = edge, here
end
error 'no commits'
