-- Bodies of functions that nest C functions until the C stack ends: each of them is an error, wherever scripts run.

return {
  wrap_in_wrap = 'local function f() return coroutine.wrap(f)() end f()',
  wrap_without_tail_call = 'local function f() coroutine.wrap(f)() end f()',
  resume_in_resume = [[local function f() local ok, e = coroutine.resume(coroutine.create(f))
    if not ok then error(e, 0) end end f()]],
  gsub_in_gsub = "local function f() return (('x'):gsub('x', f)) end f()",
  sort_in_sort = 'local function f() table.sort({ 1, 2 }, function() f() end) end f()',
  sort_in_less_than = [[local t t = setmetatable({}, { __lt = function() table.sort { t, t, t } end })
    local _ = t < t]],
  tostring_in_tostring = 'tostring(setmetatable({}, { __tostring = function(t) return tostring(t) end }))',
}
