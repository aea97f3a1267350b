-- run.lua - looks through all strategy files of a folder and prints what it finds.
--
-- Arguments: the lint (lint.lua), the folder, a list of the names of its strategy files, the set of token names that the
-- config's endpoints bring. Gives the number of findings.

local lint, folder, files, parameters = ...

local GLOBALS = {}
for name in ([[_G _VERSION assert bit coroutine error getmetatable ipairs list log map math next nobid os pairs pcall rawequal
  rawget rawset require select setmetatable strategy string table tonumber tostring type unpack xpcall]]):gmatch '%S+' do
  GLOBALS[name] = true
end

local function quote(path) return "'" .. path:gsub("'", "'\\''") .. "'" end

-- What luacheck says of these files besides, where it is installed: path -> list of { line =, text = }.
local function luacheck(paths)
  local found, quoted = {}, {}
  for i, path in ipairs(paths) do quoted[i] = quote(path) end
  local pipe = io.popen(('luacheck %s --no-config --no-color --codes --formatter plain --no-max-line-length --std luajit '
    .. '--ignore 1 212 431 2>/dev/null'):format(table.concat(quoted, ' ')))
  if not pipe then return found end
  for line in pipe:lines() do
    local path, number, text = line:match '^(.-):(%d+):%d+: %(%w+%) (.*)$'
    if path then
      found[path] = found[path] or {}
      table.insert(found[path], { line = tonumber(number), text = text })
    end
  end
  pipe:close()
  return found
end

-- Where `require` finds lib.x: below the folder.
local function module(name)
  local path = folder .. '/' .. tostring(name):gsub('%.', '/') .. '.lua'
  local file = io.open(path)
  if not file then return nil end
  local text = file:read '*a'
  file:close()
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
for _, path in ipairs(paths) do
  local problems, verdicts = lint.file(path, sources[path], { globals = GLOBALS, parameters = parameters, module = module })
  for _, list in ipairs { problems, others[path] or {} } do
    for _, p in ipairs(list) do findings[#findings + 1] = { path = path, line = p.line, text = p.text } end
  end
  for _, verdict in ipairs(verdicts) do
    verdict.path = path
    all[#all + 1] = verdict
  end
end
for _, p in ipairs(lint.all(all)) do findings[#findings + 1] = p end
table.sort(findings, function(a, b)
  if a.path ~= b.path then return a.path < b.path end
  if a.line ~= b.line then return a.line < b.line end
  return a.text < b.text
end)
for _, p in ipairs(findings) do print(('%s:%d: warning: %s'):format(p.path, p.line, p.text)) end

local impure = {}
for _, verdict in ipairs(all) do
  if not verdict.pure then impure[#impure + 1] = verdict.name end
end
print(('pure: %d of %d strategies%s'):format(#all - #impure, #all,
  #impure > 0 and '; a replay may decide otherwise for: ' .. table.concat(impure, ', ') or ', a replay decides as they did'))
io.stdout:flush()
return #findings
