-- JSON (RFC 8259). Objects and arrays become tables; `json.null` stands for null, which a table could not hold.
-- An empty array and an empty object are both {}; encode writes {} as an object unless it came from `json.array`.
local json = {}

json.null = setmetatable({}, { __tostring = function() return "null" end, __metatable = false })

-- Nesting beyond this is refused, in both directions.
local depth_max = 100

local is_array = {}

--- Marks a table as an array, for when it is empty.
function json.array(list)
  return setmetatable(list or {}, is_array)
end

-- ---- Writing ----

local escapes = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}

local function quoted(text)
  return '"' .. text:gsub('[%c"\\\127]', function(char)
    return escapes[char] or string.format("\\u%04x", char:byte())
  end) .. '"'
end

local function number(value)
  if math.type(value) == "integer" then return tostring(value) end
  if value ~= value or value == math.huge or value == -math.huge then
    error("json.encode: " .. tostring(value) .. " is no JSON number", 0)
  end
  return (string.format("%.17g", value):gsub(",", "."))
end

local write

local function write_array(list, out, depth)
  out[#out + 1] = "["
  for index = 1, #list do
    if index > 1 then out[#out + 1] = "," end
    write(list[index], out, depth)
  end
  out[#out + 1] = "]"
end

local function write_object(object, out, depth)
  local names = {}
  for name in pairs(object) do
    if type(name) ~= "string" then
      error("json.encode: a table has a key of type " .. type(name) .. "; names or a list were expected", 0)
    end
    names[#names + 1] = name
  end
  table.sort(names) -- the same table, the same text
  out[#out + 1] = "{"
  for index, name in ipairs(names) do
    if index > 1 then out[#out + 1] = "," end
    out[#out + 1] = quoted(name) .. ":"
    write(object[name], out, depth)
  end
  out[#out + 1] = "}"
end

function write(value, out, depth)
  local kind = type(value)
  if value == json.null or kind == "nil" then out[#out + 1] = "null"
  elseif kind == "boolean" then out[#out + 1] = tostring(value)
  elseif kind == "number" then out[#out + 1] = number(value)
  elseif kind == "string" then out[#out + 1] = quoted(value)
  elseif kind == "table" then
    if depth >= depth_max then error("json.encode: tables are nested too deeply, or in each other", 0) end
    if #value > 0 or getmetatable(value) == is_array then write_array(value, out, depth + 1)
    else write_object(value, out, depth + 1) end
  else
    error("json.encode: a " .. kind .. " cannot be written", 0)
  end
end

--- The text of a value: of a table with items a list, of another one an object with its names in order.
function json.encode(value)
  local out = {}
  write(value, out, 0)
  return table.concat(out)
end

-- ---- Reading ----

local function fail(text, at, what)
  local _, lines = text:sub(1, at - 1):gsub("\n", "")
  error(string.format("json.decode: %s at byte %d, line %d", what, at, lines + 1), 0)
end

local unescapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local function read_string(text, at)
  local parts, start = {}, at + 1
  while true do
    local stop = text:find('[%c"\\]', start)
    if not stop then fail(text, at, "a string without its end") end
    parts[#parts + 1] = text:sub(start, stop - 1)
    local char = text:sub(stop, stop)
    if char == '"' then return table.concat(parts), stop + 1 end
    if char ~= "\\" then
      if char == "\127" then parts[#parts + 1] = char start = stop + 1 goto continue end
      fail(text, stop, "a control character in a string")
    end
    char = text:sub(stop + 1, stop + 1)
    if char == "u" then
      local digits = text:match("^%x%x%x%x", stop + 2)
      if not digits then fail(text, stop, "\\u without four digits") end
      local code = tonumber(digits, 16)
      start = stop + 6
      if code >= 0xD800 and code < 0xDC00 then
        local low = text:match("^\\u([dD][c-fC-F]%x%x)", start)
        if not low then fail(text, stop, "half of a surrogate pair") end
        code = 0x10000 + (code - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00
        start = start + 6
      elseif code >= 0xDC00 and code < 0xE000 then
        fail(text, stop, "half of a surrogate pair")
      end
      parts[#parts + 1] = utf8.char(code)
    else
      if not unescapes[char] then fail(text, stop, "an unknown escape") end
      parts[#parts + 1] = unescapes[char]
      start = stop + 2
    end
    ::continue::
  end
end

local function read_number(text, at)
  local whole = text:match("^-?%d+", at)
  if not whole or whole:match("^-?0%d") then fail(text, at, "no JSON value") end
  local stop = at + #whole
  local fraction = text:match("^%.%d+", stop) or ""
  stop = stop + #fraction
  local exponent = text:match("^[eE][+-]?%d+", stop) or ""
  return tonumber(whole .. fraction .. exponent), stop + #exponent
end

local literals = { ["true"] = true, ["false"] = false, null = json.null }
local read

local function skip(text, at) return text:find("[^ \t\r\n]", at) or #text + 1 end

local function read_array(text, at, depth)
  local list = json.array()
  at = skip(text, at + 1)
  if text:sub(at, at) == "]" then return list, at + 1 end
  while true do
    list[#list + 1], at = read(text, at, depth)
    at = skip(text, at)
    local char = text:sub(at, at)
    if char == "]" then return list, at + 1 end
    if char ~= "," then fail(text, at, "neither , nor ] in an array") end
    at = skip(text, at + 1)
  end
end

local function read_object(text, at, depth)
  local object = {}
  at = skip(text, at + 1)
  if text:sub(at, at) == "}" then return object, at + 1 end
  while true do
    if text:sub(at, at) ~= '"' then fail(text, at, "no name in an object") end
    local name
    name, at = read_string(text, at)
    at = skip(text, at)
    if text:sub(at, at) ~= ":" then fail(text, at, "a name without :") end
    object[name], at = read(text, skip(text, at + 1), depth)
    at = skip(text, at)
    local char = text:sub(at, at)
    if char == "}" then return object, at + 1 end
    if char ~= "," then fail(text, at, "neither , nor } in an object") end
    at = skip(text, at + 1)
  end
end

function read(text, at, depth)
  if depth > depth_max then fail(text, at, "nested too deeply") end
  local char = text:sub(at, at)
  if char == "{" then return read_object(text, at, depth + 1) end
  if char == "[" then return read_array(text, at, depth + 1) end
  if char == '"' then return read_string(text, at) end
  local word = text:match("^%a+", at)
  if word then
    if literals[word] == nil then fail(text, at, "no JSON value") end
    return literals[word], at + #word
  end
  return read_number(text, at)
end

--- The value that a text stands for; an error says where it is no JSON.
function json.decode(text)
  local value, at = read(text, skip(text, 1), 0)
  at = skip(text, at)
  if at <= #text then fail(text, at, "something follows the value") end
  return value
end

return json
