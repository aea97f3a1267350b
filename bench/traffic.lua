--- traffic.lua - requests for `client list`, one a line: path, tab, body; a GET has none.
--
--   traffic.lua vary BODY PATH N    the file's request N times, as from other visitors on other sites
--   traffic.lua recorded FOLDER     those of the recordings there
local mode, source, path, count = arg[1], arg[2], arg[3], tonumber(arg[4])

local AGENTS = {
  'Mozilla/5.0 (Linux; Android %d; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Mobile Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS %d_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/%d.1 Safari/604.1',
  'Mozilla/5.0 (Windows NT %d.0; Win64; x64; rv:%d.0) Gecko/20100101 Firefox/125.0',
}

local function hex(digits)
  local out = {}
  for i = 1, digits do out[i] = ('%x'):format(math.random(0, 15)) end
  return table.concat(out)
end

--- What differs from visitor to visitor gets another value of the same kind and length; the place stays.
local function varied(body)
  local site = ('site%d.example'):format(math.random(1, 500))
  body = body:gsub('8a6c1f0e%-9d51%-4e61%-b1b3%-3c1d0a9f2b77', hex(8) .. '-' .. hex(4) .. '-4e61-b1b3-' .. hex(12))
  body = body:gsub('pub%.example', site):gsub('artikel%-4711', 'artikel-' .. math.random(1000, 9999))
  body = body:gsub('85%.214%.132%.117', '85.214.' .. math.random(0, 255) .. '.' .. math.random(1, 254))
  local agent = AGENTS[math.random(#AGENTS)]:format(math.random(10, 17), math.random(90, 130))
  body = body:gsub('"ua":"[^"]*"', '"ua":"' .. agent .. '"')
  return (body:gsub('55816b39711f9b5acf3b90e313ed29e51665623f', hex(40)):gsub('9007199254740993', hex(16))
    :gsub('12341318394918', math.random(10 ^ 12, 10 ^ 13)):gsub('23423424', math.random(10 ^ 7, 10 ^ 8)))
end

local function vary()
  local file = assert(io.open(source))
  local body = file:read '*a'
  file:close()
  math.randomseed(1)
  for _ = 1, count do print(path .. '\t' .. varied(body)) end
end

local UNESCAPED = { n = '\n', t = '\t', r = '\r', b = '\b', f = '\f' }

local function text_of(line, key)
  local text = line:match('"' .. key .. '":"(.-[^\\])"')
  return text and text:gsub('\\(.)', function(c) return UNESCAPED[c] or c end)
end

local function recorded()
  local pipe = assert(io.popen('zcat -f ' .. source .. '/*'))
  for line in pipe:lines() do
    if line:find '^{"type":"request"' then
      local query = text_of(line, 'query')
      print(text_of(line, 'path') .. (query and '?' .. query or '') .. '\t' .. (line:match '"body":({.*})}$' or ''))
    end
  end
  pipe:close()
end

if mode == 'vary' then vary() else recorded() end
