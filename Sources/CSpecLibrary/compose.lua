-- Messages as user agents write them: requests from a table, responses to a request, requests within a dialog.
local import = ...
local messages = import "message"

local reasons = {
  [100] = "Trying", [180] = "Ringing", [181] = "Call Is Being Forwarded", [182] = "Queued", [183] = "Session Progress",
  [200] = "OK", [202] = "Accepted", [300] = "Multiple Choices", [301] = "Moved Permanently",
  [302] = "Moved Temporarily", [400] = "Bad Request", [401] = "Unauthorized", [403] = "Forbidden",
  [404] = "Not Found", [405] = "Method Not Allowed", [407] = "Proxy Authentication Required",
  [408] = "Request Timeout", [410] = "Gone", [480] = "Temporarily Unavailable",
  [481] = "Call/Transaction Does Not Exist", [482] = "Loop Detected", [483] = "Too Many Hops",
  [484] = "Address Incomplete", [486] = "Busy Here", [487] = "Request Terminated", [488] = "Not Acceptable Here",
  [500] = "Server Internal Error", [501] = "Not Implemented", [502] = "Bad Gateway", [503] = "Service Unavailable",
  [504] = "Server Time-out", [600] = "Busy Everywhere", [603] = "Decline", [604] = "Does Not Exist Anywhere",
}

local dialog_methods = { INVITE = true, SUBSCRIBE = true, REFER = true, UPDATE = true, NOTIFY = true, REGISTER = true }

local compose = {}

-- "tcp:192.0.2.1:5060" is "tcp" and "192.0.2.1:5060".
function compose.place(text)
  local transport, address = text:match("^(%l+):(.+)$")
  if not transport then return "udp", text end
  return transport, address
end

local function add(lines, name, value)
  if type(value) == "table" then
    for _, item in ipairs(value) do add(lines, name, item) end
  elseif value then
    lines[#lines + 1] = name .. ": " .. tostring(value)
  end
end

-- Puts a message together. `own` are headers in their order, as pairs; those of `given` take their place, or take them
-- away when they are false; others follow by name.
local function message(start_line, own, given, body)
  local by_name, lines, rest = {}, { start_line }, {}
  for name, value in pairs(given or {}) do by_name[messages.canonical(name)] = { name, value } end
  own[#own + 1] = { "Content-Length", #(body or "") }
  local is_own = {}
  for _, header in ipairs(own) do
    local key = messages.canonical(header[1])
    local other = by_name[key]
    if not other then
      add(lines, header[1], header[2])
    elseif not is_own[key] then
      add(lines, other[1], other[2])
    end
    is_own[key] = true
  end
  for key, header in pairs(by_name) do
    if not is_own[key] then rest[#rest + 1] = header end
  end
  table.sort(rest, function(a, b) return a[1] < b[1] end)
  for _, header in ipairs(rest) do add(lines, header[1], header[2]) end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or "")
end

-- A request of `number`-th place, which makes its branch, tag and Call-ID its own.
function compose.request(given, number)
  local method = given.method or "INVITE"
  local transport, address = compose.place(given.from)
  local host = address:match("^(%[.*%])") or address:match("^([^:]*)")
  local user = given.user or "caller"
  local own = {
    { "Via", ("SIP/2.0/%s %s;branch=%s"):format(transport:upper(), address, given.branch or "z9hG4bK-spec-" .. number) },
    { "Max-Forwards", 70 },
    { "From", ("<sip:%s@%s>;tag=spec-%d"):format(user, host, number) },
    { "To", method == "REGISTER" and ("<sip:%s@%s>"):format(user, given.uri:match("^%a+:([^;?]*)") or host)
        or "<" .. given.uri .. ">" },
    { "Call-ID", given.call_id or ("spec-%d@%s"):format(number, host) },
    { "CSeq", ("%d %s"):format(given.cseq or 1, method) },
  }
  if dialog_methods[method] then
    local parameter = transport == "udp" and "" or ";transport=" .. transport
    own[#own + 1] = { "Contact", ("<sip:%s@%s%s>"):format(user, address, parameter) }
  end
  if given.body then own[#own + 1] = { "Content-Type", "application/sdp" } end
  return message(("%s %s SIP/2.0"):format(method, given.uri), own, given.headers, given.body)
end

-- What a user agent answers to a request that it got; or a proxy that says in its `feedback`-th word what it allows
-- (docs/state-signalling.md).
function compose.response(request, code, given, feedback)
  local own = {}
  for _, via in ipairs(request:headers("Via")) do own[#own + 1] = { "Via", via } end
  if given.allows then
    own[1][2] = ("%s;svk-allow=%d;svk-price=0;svk-seq=1.%d"):format(own[1][2], given.allows, feedback)
  end
  for _, route in ipairs(request:headers("Record-Route")) do own[#own + 1] = { "Record-Route", route } end
  local to = request:header("To")
  if code > 100 and not request:parameter("To", "tag") then to = to .. ";tag=" .. (given.to_tag or "callee") end
  own[#own + 1] = { "From", request:header("From") }
  own[#own + 1] = { "To", to }
  own[#own + 1] = { "Call-ID", request:header("Call-ID") }
  own[#own + 1] = { "CSeq", request:header("CSeq") }
  if code > 100 and code < 300 and dialog_methods[request.method] then
    local transport, address = compose.place(request.destination)
    local parameter = transport == "udp" and "" or ";transport=" .. transport
    own[#own + 1] = { "Contact", ("<sip:callee@%s%s>"):format(address, parameter) }
  end
  if given.body then own[#own + 1] = { "Content-Type", "application/sdp" } end
  local reason = given.reason or reasons[code] or "Reason " .. code
  return message(("SIP/2.0 %d %s"):format(code, reason), own, given.headers, given.body)
end

-- RFC 3261 §9.1 and §17.1.1.3: CANCEL, and the ACK to a failure, have the Via, Request-URI and Route of their INVITE.
function compose.follow_up(method, invite, to)
  local own = {
    { "Via", invite:header("Via") }, { "Max-Forwards", 70 }, { "From", invite:header("From") }, { "To", to },
    { "Call-ID", invite:header("Call-ID") },
    { "CSeq", (invite:header("CSeq"):gsub("%a+$", method)) },
  }
  for _, route in ipairs(invite:headers("Route")) do own[#own + 1] = { "Route", route } end
  return message(("%s %s SIP/2.0"):format(method, invite.uri), own)
end

-- A request once more, as RFC 3261 §22.2 has it: the next CSeq, a branch of its own, and credentials (RFC 7616 §3.4).
function compose.authorized(request, answer, user, password, number, digest)
  local header = answer.code == 407 and "Proxy-Authenticate" or "WWW-Authenticate"
  local challenge = answer:header(header)
  if not challenge then return nil, "the response has no " .. header end
  local function given(name)
    return challenge:match("[%s,]" .. name .. '="(.-)"') or challenge:match("[%s,]" .. name .. "=([^%s,]+)")
  end
  local algorithm, realm, nonce = given "algorithm" or "MD5", given "realm", given "nonce"
  local function hash(...) return digest(algorithm, table.concat({ ... }, ":")) end
  local response = hash(
    hash(user, realm, password), nonce, "00000001", "spec", "auth", hash(request.method, request.uri))
  local credentials = ('Digest username="%s", realm="%s", nonce="%s", uri="%s", algorithm=%s, qop=auth, nc=00000001, '
    .. 'cnonce="spec", response="%s"'):format(user, realm, nonce, request.uri, algorithm, response)
  local opaque = given "opaque"
  if opaque then credentials = credentials .. ', opaque="' .. opaque .. '"' end
  local lines = { request.start_line, answer.code == 407 and "Proxy-Authorization: " .. credentials
      or "Authorization: " .. credentials }
  local is_top = true
  for _, field in ipairs(request.fields) do
    local name, value = messages.canonical(field.name), field.value
    if name == "via" and is_top then
      is_top = false
      value = value:gsub("branch=[^;,%s]+", "branch=z9hG4bK-spec-" .. number)
    elseif name == "cseq" then
      value = value:gsub("%d+", function(digits) return ("%d"):format(tonumber(digits) + 1) end, 1)
    end
    if name ~= "authorization" and name ~= "proxy-authorization" then
      lines[#lines + 1] = field.name .. ": " .. value
    end
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. request.body
end

local function uri_of(value) return value and (value:match("<(.-)>") or value:match("^%s*([^;%s]+)")) end

-- Every element of a header whose values may stand in one line.
local function elements(list)
  local all = {}
  for _, value in ipairs(list) do
    for element in value:gmatch("[^,]+") do all[#all + 1] = (element:gsub("^%s+", "")) end
  end
  return all
end

-- RFC 3261 §12.2.1.1: a request within the dialog of `invite` and `answer`, by its caller or its callee, who see it as it
-- came to them.
function compose.within(method, invite, answer, given, number)
  local by_callee = given.by == "callee"
  local transport, address = compose.place(given.from)
  local routes = elements((by_callee and invite or answer):headers("Record-Route"))
  local own = {
    { "Via", ("SIP/2.0/%s %s;branch=z9hG4bK-spec-%d"):format(transport:upper(), address, number) },
    { "Max-Forwards", 70 },
    { "From", by_callee and answer:header("To") or answer:header("From") },
    { "To", by_callee and answer:header("From") or answer:header("To") },
    { "Call-ID", invite:header("Call-ID") },
    { "CSeq", ("%d %s"):format(given.cseq, method) },
  }
  for index = 1, #routes do
    own[#own + 1] = { "Route", by_callee and routes[index] or routes[#routes + 1 - index] }
  end
  if dialog_methods[method] then own[#own + 1] = { "Contact", ("<sip:%s@%s>"):format(given.by, address) } end
  if given.body then own[#own + 1] = { "Content-Type", "application/sdp" } end
  local target = uri_of((by_callee and invite or answer):header("Contact"))
  return message(("%s %s SIP/2.0"):format(method, target or invite.uri), own, given.headers, given.body)
end

return compose
