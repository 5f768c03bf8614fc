-- A message that the proxy sent or received, taken apart.
local import = ...
local show = import "show"

-- RFC 3261 §7.3.3, RFC 3265, 3515, 3841, 3892, 4028, 4474.
local compact = {
  a = "accept-contact", b = "referred-by", c = "content-type", d = "request-disposition", e = "content-encoding",
  f = "from", i = "call-id", j = "reject-contact", k = "supported", l = "content-length", m = "contact",
  o = "event", r = "refer-to", s = "subject", t = "to", u = "allow-events", v = "via", x = "session-expires",
  y = "identity",
}

local function canonical(name)
  local lower = name:lower()
  return compact[lower] or lower
end

local methods = {}

-- All values of a header, in order.
function methods:headers(name)
  local values = {}
  for _, field in ipairs(self.fields) do
    if canonical(field.name) == canonical(name) then values[#values + 1] = field.value end
  end
  return values
end

-- The first value of a header; nil without one.
function methods:header(name) return self:headers(name)[1] end

-- A parameter of a header's first value, such as a tag: nil without one, "" when it has no value.
function methods:parameter(header, name)
  local value = self:header(header)
  if not value then return nil end
  for part in (value:gsub("<.->", "")):gmatch(";([^;,]*)") do
    local key, text = part:match("^%s*([^=%s]+)%s*=?%s*(.-)%s*$")
    if key and key:lower() == name:lower() then return text end
  end
  return nil
end

local fields = {
  start_line = true, method = true, uri = true, code = true, reason = true, fields = true, body = true, text = true,
  destination = true, source = true,
}

local metatable = { __index = show.strict("message", methods, fields) }
function metatable.describe(message)
  return message.start_line .. (message.destination and " to " .. message.destination or "")
end

local function parse(text)
  local message = { text = text }
  local stop, begin = text:find("\r\n\r\n", 1, true)
  local head = stop and text:sub(1, stop - 1) or text
  message.body = begin and text:sub(begin + 1) or ""
  head = head:gsub("\r\n[ \t]+", " ")
  local lines = {}
  for line in (head .. "\r\n"):gmatch("(.-)\r\n") do lines[#lines + 1] = line end
  message.start_line = lines[1] or ""
  local code, reason = message.start_line:match("^SIP/2%.0 (%d%d%d) ?(.*)$")
  if code then
    message.code, message.reason = tonumber(code), reason
  else
    message.method, message.uri = message.start_line:match("^(%S+) (%S+)")
  end
  message.fields = {}
  for index = 2, #lines do
    local name, value = lines[index]:match("^(.-)%s*:%s*(.-)%s*$")
    if name then table.insert(message.fields, { name = name, value = value }) end
  end
  return setmetatable(message, metatable)
end

return { parse = parse, canonical = canonical }
