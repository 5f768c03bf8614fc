-- Values taken apart: addresses, URIs, and the transformations of pseudo-variables.
local values = {}
local transform = {}
values.transform = transform

-- An IPv4 address as a number; nil for anything else.
function values.ipv4(text)
  local a, b, c, d = text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  if not a or a > 255 or b > 255 or c > 255 or d > 255 then return nil end
  return a << 24 | b << 16 | c << 8 | d
end

-- A name-addr or addr-spec with its parameters.
function values.name_address(text)
  local display, uri, rest = text:match('^%s*"?(.-)"?%s*<([^>]*)>(.*)$')
  if not uri then
    uri, rest = text:match("^%s*([^;%s]*)(.*)$")
    display = ""
  end
  return { display = display, uri = uri, rest = rest }
end

local function parse_uri(text)
  if not text then return {} end
  local scheme, rest = text:match("^%s*<?(%a[%w+.-]*):([^>]*)")
  if not scheme then return {} end
  local headers = rest:match("%?(.*)$")
  rest = rest:gsub("%?.*$", "")
  local user, place = rest:match("^(.*)@(.*)$")
  place = place or rest
  local parameters = place:match(";(.*)$")
  place = place:gsub(";.*$", "")
  local host, port = place:match("^(%[.-%]):?(%d*)$")
  if not host then host, port = place:match("^([^:]*):?(%d*)$") end
  local name, password = (user or ""):match("^([^:]*):?(.*)$")
  return {
    scheme = scheme, user = user and name, password = password ~= "" and password or nil, host = host,
    port = tonumber(port), parameters = parameters, headers = headers,
  }
end

-- The value of a parameter in a text such as a=1;b=2 or <sip:…>;tag=x; "" without a value, nil when absent.
local function parameter(text, name)
  for piece in (text or ""):gsub("<[^>]*>", ""):gmatch("[^;]+") do
    local key, value = piece:match("^%s*([^=%s]+)%s*=?%s*(.-)%s*$")
    if key and key:lower() == name:lower() then return (value:gsub('^"(.*)"$', "%1")) end
  end
  return nil
end

local function field(name)
  return function(text) return parse_uri(text)[name] end
end

transform["uri.user"], transform["uri.host"], transform["uri.port"] = field("user"), field("host"), field("port")
transform["uri.passwd"], transform["uri.params"], transform["uri.headers"] =
  field("password"), field("parameters"), field("headers")
transform["uri.scheme"], transform["uri.domain"] = field("scheme"), field("host")
transform["uri.param"] = function(text, name) return parameter(parse_uri(text).parameters, name) end
transform["uri.transport"] = function(text) return parameter(parse_uri(text).parameters, "transport") end

transform["param.value"] = function(text, name) return text and parameter(text, name) end
transform["param.in"] = function(text, name) return parameter(text, name) and 1 or 0 end

local function pieces(text)
  local list = {}
  for piece in (text or ""):gmatch("[^;]+") do list[#list + 1] = piece end
  return list
end

local function at(list, index) return list[index < 0 and #list + 1 + index or index + 1] end

transform["param.count"] = function(text) return #pieces(text) end
transform["param.name"] = function(text, index)
  local piece = at(pieces(text), index)
  return piece and piece:match("^%s*([^=%s]+)")
end
transform["param.valueat"] = function(text, index)
  local piece = at(pieces(text), index)
  return piece and piece:match("=%s*(.-)%s*$")
end

transform["nameaddr.name"] = function(text) return text and values.name_address(text).display end
transform["nameaddr.uri"] = function(text) return text and values.name_address(text).uri end
transform["nameaddr.len"] = function(text) return text and #text end
transform["tobody.display"], transform["tobody.uri"] = transform["nameaddr.name"], transform["nameaddr.uri"]
transform["tobody.tag"] = function(text) return text and parameter(values.name_address(text).rest, "tag") end
transform["tobody.user"] = function(text) return text and parse_uri(values.name_address(text).uri).user end
transform["tobody.host"] = function(text) return text and parse_uri(values.name_address(text).uri).host end
transform["tobody.params"] = function(text) return text and values.name_address(text).rest end

-- ---- Strings ----

local function string_of(value) return value == nil and "" or tostring(value) end

transform["s.len"] = function(text) return #string_of(text) end
transform["s.int"] = function(text) return math.tointeger(tonumber(string_of(text):match("^%s*[+-]?%d+"))) or 0 end
transform["s.tolower"] = function(text) return string_of(text):lower() end
transform["s.toupper"] = function(text) return string_of(text):upper() end
transform["s.trim"] = function(text) return string_of(text):match("^%s*(.-)%s*$") end
transform["s.strip"] = function(text, count) return string_of(text):sub(count + 1) end
transform["s.striptail"] = function(text, count)
  text = string_of(text)
  return text:sub(1, math.max(0, #text - count))
end
-- From an offset, or from the end when it is negative; a length of 0 means all of the rest.
transform["s.substr"] = function(text, offset, length)
  text = string_of(text)
  local first = offset < 0 and #text + offset + 1 or offset + 1
  return text:sub(first, length > 0 and first + length - 1 or -1)
end
-- The piece of that number between separators; negative numbers count from the last.
transform["s.select"] = function(text, index, separator)
  local list = {}
  text = string_of(text)
  separator = separator == nil and "," or tostring(separator)
  local start = 1
  while true do
    local from, to = text:find(separator, start, true)
    list[#list + 1] = text:sub(start, (from or 0) - 1)
    if not from or separator == "" then break end
    start = to + 1
  end
  return at(list, index)
end
transform["s.encode.hexa"] = function(text)
  return (string_of(text):gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end
transform["s.decode.hexa"] = function(text)
  return (string_of(text):gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end))
end

local function escape(text, allowed)
  return (string_of(text):gsub(allowed, function(c) return ("%%%02X"):format(c:byte()) end))
end

local function unescape(text)
  return (string_of(text):gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

transform["s.escape.user"] = function(text) return escape(text, "[^%w%-_%.!~%*'%(%)&=%+%$,;%?/]") end
transform["s.escape.param"] = function(text) return escape(text, "[^%w%-_%.!~%*'%(%)%[%]/:&%+%$]") end
transform["s.unescape.user"], transform["s.unescape.param"] = unescape, unescape

return values
