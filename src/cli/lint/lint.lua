-- lint.lua - what a strategy file that loads may still be wrong about.
--
-- Called with the file's path, its source, and { globals = { name = true }, parameters = { name = true }, module = function }:
-- the globals that a strategy has, the names of tokens that the endpoints of the config bring, and what gives path and source
-- of the module that `require` would find, or nil; is_module = true where the file is one. Gives a list of
-- { line =, column =, code =, text =, suggestion = }, the column where one is known, and a list of { name =, pure = }, a strategy
-- each.
--
-- Idea: the file is loaded once more, with stand-ins for `strategy`, `list` and the like, so that targets and limits are
-- plain tables here. What functions do is read from their byte code, which knows what is a local of the file and what is
-- not; the numbers of its instructions are learned from samples, so that no version of LuaJIT has to be known.

local util = require 'jit.util'
local bit = require 'bit'

-- --- instructions ---

local function code_of(f, pc)
  local ins = pc > 0 and util.funcbc(f, pc)
  if ins then
    return bit.band(ins, 0xff), bit.band(bit.rshift(ins, 8), 0xff), bit.rshift(ins, 16), bit.rshift(ins, 24),
      bit.band(bit.rshift(ins, 16), 0xff)
  end
end

-- The instructions of a sample that no sample before it had.
local function learn()
  local kinds, seen = {}, {}
  local function sample(kind, f)
    local pc = 1
    while true do
      local op = code_of(f, pc)
      if not op then break end
      if not seen[op] then
        seen[op] = true
        if kind then kinds[op] = kind end
      end
      pc = pc + 1
    end
  end
  local up = 1
  sample('return_nothing', function() end)
  sample('return_one', function(a) return a end)
  sample(nil, function(a) local b, c, d = a, 1, 'x'; a = c; return d end) -- luacheck: ignore
  sample('stop', function(a, b) return a, b end)
  sample('primitive', function() return nil end)
  sample('get_up', function() return up end)
  sample(nil, function(f) return { 1, 'x', true }, {}, { f() } end)
  sample('set_up', function(v) up = v end)
  sample('set_up', function() up = 'text' end)
  sample('set_up', function() up = 7 end)
  sample('set_up', function() up = nil end)
  sample('get_global', function() return lint_sample end) -- luacheck: ignore
  sample('set_global', function(v) lint_sample = v end) -- luacheck: ignore
  sample('get_field', function(t) return t.k end)
  sample(nil, function(t, k) return t[k], t[1] end)
  sample('set_field', function(t, k, v) t[k] = v end)
  sample('set_field', function(t, v) t.k = v end)
  sample('set_field', function(t, v) t[1] = v end)
  -- Where a call goes on: nowhere, elsewhere, or in one of two ways.
  sample(nil, function(f, ...) f(f()) local a = ... f(a, function() end) end)
  sample('stop', function(...) return ... end)
  sample('stop', function(f) return f() end)
  sample('stop', function(f) return f(f()) end)
  sample(nil, function(a) repeat a.b = 1 until true end)
  sample('jump', function(a) while true do a.b = 1 end end)
  sample('branch', function() for _ = 1, 2 do end end)
  sample(nil, function(f) for _ in f do end end)
  sample('branch', function(t) for _ in pairs(t) do end end)
  sample('branch', function(a) do local b = a; a.f = function() b = b + 1 end end end)
  sample('compare', function(a, b)
    if a < b then a() end if a <= b then a() end if a == b then a() end if a ~= b then a() end
    if not (a < b) then a() end if not (a <= b) then a() end -- luacheck: ignore
    if a == 'x' then a() end if a ~= 'x' then a() end if a == 1 then a() end if a ~= 1 then a() end
    if a == nil then a() end if a ~= nil then a() end if a then a() end if not a then a() end
    local c, d = a and b, a or b
    return c, d
  end)
  return kinds
end
local KINDS = learn()

-- The instructions that a call may come to. What follows an unknown one is the next.
local function reachable(f)
  local reached, waiting = {}, { 1 }
  local function go(pc)
    if not reached[pc] and code_of(f, pc) then waiting[#waiting + 1] = pc end
  end
  while #waiting > 0 do
    local pc = table.remove(waiting)
    local op, _, d = code_of(f, pc)
    local kind = KINDS[op]
    reached[pc] = true
    if kind == 'jump' or kind == 'branch' then go(pc + 1 + d - 0x8000) end
    if kind == 'compare' then go(pc + 2) end -- past the jump that follows
    if kind ~= 'jump' and kind ~= 'stop' and kind ~= 'return_nothing' and kind ~= 'return_one' then go(pc + 1) end
  end
  return reached
end

local function line_of(f, pc) return util.funcinfo(f, pc).currentline end

-- --- a file, loaded with stand-ins ---

local function stand_ins(globals)
  local env, strategies, modules = {}, {}, {}
  for name in pairs(globals) do env[name] = _G[name] end
  env.strategy = function(t) strategies[#strategies + 1] = t; return t end
  env.nobid = function(reason) return { nobid = reason } end
  env.list = function(file) return { list = file } end
  env.map = function() return setmetatable({}, { __index = function() return function() end end }) end
  env.log = setmetatable({}, { __index = function() return function() end end })
  -- A module stands for whatever is done with it.
  local module = setmetatable({}, {})
  getmetatable(module).__index = function() return module end
  getmetatable(module).__call = function() return module end
  env.require = function(name)
    modules[#modules + 1] = name
    return module
  end
  env._G = env
  return env, strategies, modules
end

-- --- what functions do ---

-- All functions that run when `f` does and were written in the file: itself, those inside it, and the file's own that it
-- calls. `visit(proto, owner)`: `owner` is the function whose upvalues are the file's locals.
local function each_function(f, source, visit, seen)
  if seen[f] then return end
  seen[f] = true
  if util.funcinfo(f).source ~= source then return end
  local function walk(proto)
    visit(proto, f)
    local k = -1
    while true do
      local constant = util.funck(proto, k)
      if constant == nil then break end
      if type(constant) == 'proto' then walk(constant) end
      k = k - 1
    end
  end
  walk(f)
  for i = 1, math.huge do
    local name, value = debug.getupvalue(f, i)
    if not name then break end
    if type(value) == 'function' then each_function(value, source, visit, seen) end
  end
end

-- Name -> { value = } of what a function has of the file's locals.
local function upvalues(f)
  local found = {}
  for i = 1, math.huge do
    local name, value = debug.getupvalue(f, i)
    if not name then return found end
    found[name] = { value = value }
  end
end

-- How far behind a function its first argument stands.
local ARGUMENT
do
  local function up() end
  local function call() up(up) end
  ARGUMENT = select(2, code_of(call, 2)) - select(2, code_of(call, 1))
end

local CHANGES = { insert = true, remove = true, sort = true, rawset = true } -- what they are given first
local CHANGING = { [table.insert] = true, [table.remove] = true, [table.sort] = true, [rawset] = true }

-- Which of the locals of the file named in `names` a function changes: the first place of each. `value(name)`: what such a local
-- is, where that is known.
local function scan_state(proto, names, value, found)
  local holds, changes, pc = {}, {}, 1
  local function keep(name)
    if name and names[name] and not found[name] then found[name] = line_of(proto, pc) end
  end
  while true do
    local op, a, d, b, c = code_of(proto, pc)
    if not op then return end
    local kind = KINDS[op]
    if kind == 'set_up' then
      keep(util.funcuvname(proto, a))
    elseif kind == 'set_field' then
      keep(holds[b])
    else
      holds[a], changes[a] = nil, nil
      if kind == 'get_up' then
        holds[a] = util.funcuvname(proto, d)
        changes[a] = CHANGING[value(holds[a])]
        if changes[a - ARGUMENT] then keep(holds[a]) end
      elseif kind == 'get_field' then
        changes[a] = CHANGES[util.funck(proto, -c - 1)]
      elseif kind == 'get_global' then
        changes[a] = CHANGES[util.funck(proto, -d - 1)]
      end
    end
    pc = pc + 1
  end
end

-- Locals of the file that a call leaves changed.
local function find_state(f, source, found)
  each_function(f, source, function(proto, owner)
    local names = upvalues(owner)
    local function value(name) return names[name] and names[name].value end
    scan_state(proto, names, value, found)
  end, {})
end

-- The same of a module, which is not run: the upvalues of functions that stand in the file itself are its locals.
local function find_module_state(chunk, found)
  local function unknown() end
  local function walk(proto, file_locals)
    local names = file_locals
    if not names then
      names = {}
      for i = 0, math.huge do
        local name = util.funcuvname(proto, i)
        if not name then break end
        names[name] = true
      end
    end
    scan_state(proto, names, unknown, found)
    for k = -1, -math.huge, -1 do
      local constant = util.funck(proto, k)
      if constant == nil then break end
      if type(constant) == 'proto' then walk(constant, names) end
    end
  end
  for k = -1, -math.huge, -1 do
    local constant = util.funck(chunk, k)
    if constant == nil then return end
    if type(constant) == 'proto' then walk(constant) end
  end
end

-- --- findings ---

local TOKENS = {}
for name in ([[request_id imp_id bid_id exchange endpoint country strategy version price timestamp user_id domain data
  click_token impression_url site_id zone_id src_hostname url tags keyword language email_encoded]]):gmatch '%S+' do
  TOKENS[name] = true
end

local WITHOUT_SIZE = { popunder = true, direct_link = true, email_click = true, audio = true }

local function set_of(values)
  if type(values) ~= 'table' or values.list then return nil end
  local set = {}
  for _, value in ipairs(values) do set[value] = true end
  return next(set) and set or nil
end

local function lint_target(t, say)
  local target, where = t.target or {}, ('strategy %s: '):format(t.name)
  for key, values in pairs(target) do
    local wanted, excluded = set_of(values), key ~= 'exclude' and set_of((target.exclude or {})[key])
    if key ~= 'exclude' and key ~= 'hours' and wanted and excluded then
      local left = false
      for value in pairs(wanted) do left = left or not excluded[value] end
      if not left then
        say('target', where .. ('target.%s: exclude names all of it, so it never bids'):format(key),
          'take what is wanted out of exclude')
      end
    end
  end
  local formats = set_of(target.format)
  if formats and target.size then
    local can = false
    for format in pairs(formats) do can = can or not WITHOUT_SIZE[format] end
    if not can then say('size', where .. 'target.size: its formats have no size, so it never bids', 'drop the key') end
  end
end

-- Whether whatever b wants is wanted by a as well. A list's rows are not known here.
local function is_wider(a, b)
  for key, values in pairs(a) do
    if key == 'exclude' then
      if next(values) then return false end
    else
      local wide, narrow = set_of(values), set_of(b[key])
      if not wide or not narrow then return false end
      for value in pairs(narrow) do
        if not wide[value] then return false end
      end
    end
  end
  return true
end

-- --- the lint ---

local function declines(f, source)
  local found = false
  each_function(f, source, function(proto)
    for pc in pairs(reachable(proto)) do
      local op, _, d = code_of(proto, pc)
      if KINDS[op] == 'get_global' and util.funck(proto, -d - 1) == 'nobid' then found = true end
      if KINDS[op] == 'return_nothing' then found = true end
    end
  end, {})
  return found
end

-- `return nil`: what goes out was made just before, or before the closing of locals that functions hold.
local function makes_nil(f, pc, slot)
  local op, into, value = code_of(f, pc)
  return KINDS[op] == 'primitive' and into == slot and value == 0
end

local function lint(path, source, known)
  local problems, told = {}, {}
  local function say(code, line, text, suggestion, column)
    if not told[line .. text] then
      told[line .. text] = true
      problems[#problems + 1] = { line = line, column = column, code = code, text = text, suggestion = suggestion }
    end
  end
  local chunk_name = '@' .. path
  local chunk = loadstring(source, chunk_name)
  if not chunk then return problems, {} end -- the load itself has told

  -- Every function of the file: globals, and patterns that explode.
  local constants, has_match = {}, false
  local function keep(constant, line)
    if type(constant) == 'string' then
      constants[constant] = constants[constant] or line
      has_match = has_match or constant == 'find' or constant == 'match' or constant == 'gsub' or constant == 'gmatch'
    elseif type(constant) == 'table' then -- what a table begins with
      for key, value in pairs(constant) do
        keep(key, line)
        keep(value, line)
      end
    end
  end
  local function walk(proto)
    local pc = 1
    while true do
      local op, _, d = code_of(proto, pc)
      if not op then break end
      local kind = KINDS[op]
      if kind == 'set_global' then
        say('sets_global', line_of(proto, pc), ("sets the global '%s'"):format(util.funck(proto, -d - 1)),
          'write `local` in front of it')
      elseif kind == 'get_global' and not known.globals[util.funck(proto, -d - 1)] then
        say('reads_global', line_of(proto, pc), ("reads the global '%s', which nobody sets"):format(util.funck(proto, -d - 1)),
          'look for a slip of the pen, or make it a local of the file')
      end
      pc = pc + 1
    end
    local k = -1
    while true do
      local constant = util.funck(proto, k)
      if constant == nil then break end
      if type(constant) == 'proto' then
        walk(constant)
      else
        keep(constant, util.funcinfo(proto).linedefined)
      end
      k = k - 1
    end
  end
  walk(chunk)
  local lines = {}
  for line in (source .. '\n'):gmatch '(.-)\n' do lines[#lines + 1] = line end
  -- Where a constant stands, and a part of it: the first line with its beginning, as it is written.
  local function place(constant, part)
    local head = constant:match '^[^\n]*'
    for number, line in ipairs(lines) do
      local at = #head > 0 and line:find(head, 1, true)
      if at then return number, part and line:find(part, at, true) or at end
    end
    return math.max(constants[constant], 1)
  end
  for constant in pairs(constants) do
    local wild = select(2, constant:gsub('%.[*+-]', ''))
    if has_match and (wild >= 3 or constant:find '%.[*+-]%.[*+-]') and not constant:find '://' then
      local line, column = place(constant)
      say('pattern', line, ("the pattern '%s' tries every way to divide the text, which takes seconds on a long one")
        :format(constant), 'use one of .* at most, or classes such as [^,]*', column)
    end
  end

  if known.is_module then return problems, {} end -- the tokens in its texts are its strategies' business

  -- The strategies, by stand-ins.
  local env, strategies, modules = stand_ins(known.globals)
  debug.sethook(function() error('too long', 0) end, '', 1e7)
  local ok = pcall(setfenv(chunk, env))
  debug.sethook()
  if not ok then return problems, {} end

  local own = {}
  for _, t in ipairs(strategies) do
    for name in pairs(type(t.tokens) == 'table' and t.tokens or {}) do own[name] = true end
  end
  for constant in pairs(constants) do
    local function check(name, form)
      if not (TOKENS[name] or own[name] or known.parameters[name]) then
        local line, column = place(constant, form)
        say('token', line, ('%s is no token of the strategy, the engine or an endpoint, and goes out as it stands'):format(form),
          "add it to the strategy's tokens, or to the endpoint's in the config where the exchange's URL has such a parameter",
          column)
      end
    end
    if constant:find '://' then
      for before, name in (' ' .. constant):gmatch '(.){([%l%d_]+)%f[:}]' do
        if before ~= '$' and before ~= '{' then check(name, '{' .. name .. '}') end
      end
    end
    for name in constant:gmatch '{{([%l%d_]+)}}' do check(name, '{{' .. name .. '}}') end
  end

  -- State behind `require`, as deep as it goes.
  local kept_by = nil
  local seen = {}
  local function look_into(names)
    for _, name in ipairs(names) do
      local module_path, text = known.module(name)
      local module = text and not seen[module_path] and loadstring(text, '@' .. module_path)
      if module then
        seen[module_path] = true
        local found = {}
        find_module_state(module, found)
        for variable, line in pairs(found) do
          kept_by = kept_by or ("%s:%d keeps state in the local '%s'"):format(module_path, line, variable)
        end
        local deeper = {}
        for inner in text:gmatch "require%s*%(?%s*['\"]([%w_.]+)['\"]" do deeper[#deeper + 1] = inner end
        look_into(deeper)
      end
    end
  end
  look_into(modules)

  local verdicts = {}
  for _, t in ipairs(strategies) do
    local where = type(t.bid) == 'function' and util.funcinfo(t.bid).linedefined or 1
    local state = {}
    lint_target(t, function(key, text, suggestion)
      local at = where
      for number, line in ipairs(lines) do
        if line:find('%f[%w]' .. key .. '%s*=') then at = number break end
      end
      say('target', at, text, suggestion)
    end)
    if type(t.bid) == 'function' then
      local reached, pc = reachable(t.bid), 1
      while true do
        local op, a = code_of(t.bid, pc)
        if not op then break end
        if reached[pc] and (KINDS[op] == 'return_nothing' or
          (KINDS[op] == 'return_one' and (makes_nil(t.bid, pc - 1, a) or makes_nil(t.bid, pc - 2, a)))) then
          say('no_reason', line_of(t.bid, pc), ("strategy %s: bid returns nothing here, which is counted as 'none'")
            :format(t.name), "say nobid 'why'")
        end
        pc = pc + 1
      end
    end
    for _, f in pairs(t) do
      if type(f) == 'function' then find_state(f, chunk_name, state) end
    end
    for _, f in pairs(type(t.tokens) == 'table' and t.tokens or {}) do
      if type(f) == 'function' then find_state(f, chunk_name, state) end
    end
    for name, line in pairs(state) do
      say('state', line, ("strategy %s: keeps state in the local '%s', which each worker has of its own and a reload forgets")
        :format(t.name, name), 'use ctx.incr and ctx.get')
    end
    if kept_by then
      say('state', where, ('strategy %s: %s, which each worker has of its own and a reload forgets'):format(t.name, kept_by),
        'use ctx.incr and ctx.get')
    end
    verdicts[#verdicts + 1] = { name = t.name, pure = next(state) == nil and not kept_by,
      target = t.target or {}, priority = t.priority or 0, line = where, enabled = t.enabled ~= false and not t.shadow,
      declines = type(t.bid) ~= 'function' or declines(t.bid, chunk_name) }
  end
  table.sort(problems, function(a, b) return a.line < b.line or (a.line == b.line and a.text < b.text) end)
  return problems, verdicts
end

-- Of all files together: who never gets to bid. `all`: verdicts with their path. Gives { path =, line =, text = } each.
local function lint_all(all)
  local problems = {}
  for _, b in ipairs(all) do
    for _, a in ipairs(all) do
      if a ~= b and a.enabled and b.enabled and a.priority > b.priority and not a.declines and is_wider(a.target, b.target) then
        problems[#problems + 1] = { path = b.path, line = b.line, code = 'outranked', text =
          ('strategy %s: %s wants all that it wants, never declines and has the higher priority: where one bid is taken, '
            .. 'this one goes out only when the other has no money'):format(b.name, a.name),
          suggestion = 'give it a priority that is as high, or a target of its own' }
        break
      end
    end
  end
  return problems
end

return { file = lint, all = lint_all }
