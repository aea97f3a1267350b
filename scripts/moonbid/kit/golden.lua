--- golden.lua - an answer as a text that can be kept in a file and compared line by line.
--
-- What differs between runs is replaced by a word: the request's id, and the signed tokens of notice URLs. JSON is
-- broken into lines without being parsed, so that order and digits stay as they were sent.
local golden = { folder = 'spec/golden' }

local SHOWN_MAX = 10 -- lines that differ
local TOKEN_MIN = 40 -- characters; creative ids and the like are shorter

-- A line each for what objects and arrays hold.
local function pretty(text)
  local out, depth, in_string, at = {}, 0, false, 1
  local function break_line() out[#out + 1] = '\n' .. ('  '):rep(depth) end
  while at <= #text do
    local c = text:sub(at, at)
    if in_string then
      if c == '\\' then
        at = at + 1
        c = c .. text:sub(at, at)
      elseif c == '"' then
        in_string = false
      end
      out[#out + 1] = c
    elseif text:find('^[%[{][%]}]', at) then
      out[#out + 1] = text:sub(at, at + 1)
      at = at + 1
    elseif c == '}' or c == ']' then
      depth = depth - 1
      break_line()
      out[#out + 1] = c
    else
      in_string = c == '"'
      out[#out + 1] = c == ':' and ': ' or c
      if c == '{' or c == '[' then depth = depth + 1 end
      if c == '{' or c == '[' or c == ',' then break_line() end
    end
    at = at + 1
  end
  return table.concat(out)
end

local function replace_plain(text, what, with)
  return (text:gsub(what:gsub('%p', '%%%0'), (with:gsub('%%', '%%%%'))))
end

--- The answer of bidder:bid as the text that is kept.
function golden.text(answer)
  local http, body = answer.http, answer.http.body
  local id = (answer.request.body or ''):match '"id"%s*:%s*"([^"]+)"'
  if http.content_type and http.content_type:find('json', 1, true) then body = pretty(body) end
  if id and #id >= 8 then body = replace_plain(body, id, 'REQUEST_ID') end
  body = body:gsub('[%w_%-]+', function(word) return #word >= TOKEN_MIN and 'TOKEN' or nil end)
  return ('HTTP %d %s\n%s\n'):format(http.status, http.content_type or '-', body)
end

local function lines_of(text)
  local lines = {}
  for line in text:gmatch '(.-)\n' do lines[#lines + 1] = line end
  return lines
end

--- What differs, a pair of lines each; nil where nothing does.
function golden.difference(kept, text)
  if kept == text then return nil end
  local before, now, out = lines_of(kept), lines_of(text), {}
  for i = 1, math.max(#before, #now) do
    if before[i] ~= now[i] then
      if #out == SHOWN_MAX then
        out[#out + 1] = '  and more'
        break
      end
      out[#out + 1] = ('  line %d\n    kept: %s\n    now:  %s'):format(i, before[i] or '(ends)', now[i] or '(ends)')
    end
  end
  return table.concat(out, '\n')
end

--- Holds the answer against FOLDER/NAME.txt: nil, or what is wrong. With MOONBID_UPDATE_GOLDEN=1 writes the file instead.
function golden.check(answer, name)
  local path, text = ('%s/%s.txt'):format(golden.folder, name), golden.text(answer)
  if os.getenv 'MOONBID_UPDATE_GOLDEN' == '1' then
    os.execute(("mkdir -p '%s'"):format(golden.folder:gsub("'", "'\\''")))
    local file = assert(io.open(path, 'wb'))
    file:write(text)
    file:close()
    return nil
  end
  local file = io.open(path, 'rb')
  if not file then return ('there is no %s: MOONBID_UPDATE_GOLDEN=1 writes it'):format(path) end
  local kept = file:read '*a'
  file:close()
  local difference = golden.difference(kept, text)
  return difference and ('the answer is not as in %s (MOONBID_UPDATE_GOLDEN=1 takes it):\n%s'):format(path, difference)
end

return golden
