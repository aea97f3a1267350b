-- run.lua - looks through all strategy files of a folder.
--
-- Arguments: the lint (lint.lua), the folder, a list of the names of its strategy files, the set of token names that the
-- config's endpoints bring. Gives { findings =, pure =, impure = }: the first a list of { path =, line =, column =, code =,
-- text =, suggestion = } by place, column and suggestion where there are any; the others lists of names.

local lint, folder, files, parameters = ...

local GLOBALS = {}
for name in ([[_G _VERSION assert bit coroutine error getmetatable ipairs list log map math next nobid os pairs pcall rawequal
  rawget rawset require select setmetatable strategy string table tonumber tostring type unpack xpcall]]):gmatch '%S+' do
  GLOBALS[name] = true
end

local function quote(path) return "'" .. path:gsub("'", "'\\''") .. "'" end

-- What to do about what luacheck finds, by the beginning of its code; the longest that fits.
local ADVICE = {
  ['2'] = 'remove it, or name it _', ['22'] = 'give it a value first', ['23'] = 'use what it holds, or remove it',
  ['3'] = 'remove the assignment', ['32'] = 'give it a value first', ['4'] = 'give it another name',
  ['5'] = 'remove what never runs or does nothing', ['6'] = 'remove the blanks',
}

local function advice(code)
  for length = #code, 1, -1 do
    local text = ADVICE[code:sub(1, length)]
    if text then return text end
  end
end

-- What luacheck says of these files besides, where it is installed: path -> list of findings.
local function luacheck(paths)
  local found, quoted = {}, {}
  for i, path in ipairs(paths) do quoted[i] = quote(path) end
  local pipe = io.popen(('luacheck %s --no-config --no-color --codes --formatter plain --no-max-line-length --std luajit '
    .. '--ignore 1 212 431 2>/dev/null'):format(table.concat(quoted, ' ')))
  if not pipe then return found end
  for line in pipe:lines() do
    local path, number, column, code, text = line:match '^(.-):(%d+):(%d+): %((%w+)%) (.*)$'
    if path then
      found[path] = found[path] or {}
      code = code:match '%d*$'
      table.insert(found[path], { line = tonumber(number), column = tonumber(column), code = 'luacheck_' .. code, text = text,
        suggestion = advice(code) })
    end
  end
  pipe:close()
  return found
end

local modules = {} -- paths in order, and path -> source

-- Where `require` finds lib.x: below the folder.
local function module(name)
  local path = folder .. '/' .. tostring(name):gsub('%.', '/') .. '.lua'
  local file = io.open(path)
  if not file then return nil end
  local text = file:read '*a'
  file:close()
  if not modules[path] then modules[#modules + 1], modules[path] = path, text end
  return path, text
end

local paths, sources = {}, {}
for _, name in ipairs(files) do
  local path = folder .. '/strategies/' .. name
  local file = io.open(path)
  if file then
    paths[#paths + 1], sources[path] = path, file:read '*a'
    file:close()
  end
end

local findings, all = {}, {}
local others = luacheck(paths)
local function keep(path, problems)
  for _, list in ipairs { problems, others[path] or {} } do
    for _, p in ipairs(list) do
      p.path = path
      findings[#findings + 1] = p
    end
  end
end
for _, path in ipairs(paths) do
  local problems, verdicts = lint.file(path, sources[path], { globals = GLOBALS, parameters = parameters, module = module })
  keep(path, problems)
  for _, verdict in ipairs(verdicts) do
    verdict.path = path
    all[#all + 1] = verdict
  end
end
others = #modules > 0 and luacheck(modules) or {}
for _, path in ipairs(modules) do
  keep(path, (lint.file(path, modules[path], { globals = GLOBALS, is_module = true })))
end
for _, p in ipairs(lint.all(all)) do findings[#findings + 1] = p end
table.sort(findings, function(a, b)
  if a.path ~= b.path then return a.path < b.path end
  if a.line ~= b.line then return a.line < b.line end
  return a.text < b.text
end)

local names = { [true] = {}, [false] = {} }
for _, verdict in ipairs(all) do table.insert(names[verdict.pure], verdict.name) end
return { findings = findings, pure = names[true], impure = names[false] }
