--- commits.lua BEFORE AFTER - how many commits there were between two readings of /metrics, and their mean time in
-- microseconds. From the histogram's sum: its buckets, powers of two, would give a median no closer than a third.
local function read(path)
  local seen = {}
  for line in io.lines(path) do
    local name, value = line:match '^(%l+) (%S+)$'
    if name then seen[name] = tonumber(value) end
  end
  return seen
end

local before, after = read(arg[1]), read(arg[2])
local commits = after.count - before.count
if commits <= 0 then error 'no commits' end
print(commits, math.floor(1e6 * (after.sum - before.sum) / commits + 0.5))
