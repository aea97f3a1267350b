--- values.lua - what a spec writes down: instants, durations, ids with all their digits.
local values = {}

local UNITS = { s = 1000, m = 60 * 1000, h = 3600 * 1000, d = 24 * 3600 * 1000 }

--- '25h' -> milliseconds
function values.duration_ms(text)
  local number, unit = (type(text) == 'string' and text or ''):match '^(%d+)([smhd])$'
  if not number then error(("not a duration such as '90s' or '25h': %s"):format(tostring(text)), 3) end
  return tonumber(number) * UNITS[unit]
end

local MONTH_DAYS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function month_days(year, month)
  local leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  return month == 2 and leap and 29 or MONTH_DAYS[month] or 0
end

-- Days from 1970-01-01 to a date of the Gregorian calendar.
local function days_since_epoch(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  return 365 * year + math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
    + math.floor((153 * (month - 3) + 2) / 5) + day - 1 - 719468
end

--- '2026-03-02T09:00:00Z' (or milliseconds) -> milliseconds since the epoch, UTC
function values.instant_ms(value)
  if type(value) == 'number' and value >= 0 and value < 2 ^ 53 then return math.floor(value) end
  local parts = {
    (type(value) == 'string' and value or ''):match '^(%d%d%d%d)-(%d%d)-(%d%d)[T ](%d%d):(%d%d):?(%d*)Z?$',
  }
  for i, part in ipairs(parts) do parts[i] = tonumber(part) or 0 end
  local year, month, day, hour, minute, second = unpack(parts)
  if not year or year < 1970 or day < 1 or day > month_days(year, month) or hour > 23 or minute > 59 or second > 59 then
    error(("not an instant such as '2026-03-02T09:00:00Z': %s"):format(tostring(value)), 3)
  end
  return (days_since_epoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) * 1000
end

--- A number that must keep every digit on the wire: a string of digits written without quotes.
function values.digits(text)
  return setmetatable({}, { __tojson = function() return tostring(text) end })
end

--- A new table with all of `defaults`, and of `given` over them.
function values.merged(defaults, given)
  local out = {}
  for key, value in pairs(defaults) do out[key] = value end
  for key, value in pairs(given or {}) do out[key] = value end
  return out
end

return values
