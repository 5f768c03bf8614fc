-- sip.proxy and what can be done with one: messages and time go in, messages, log lines and counts come out.
local import, core = ...
local compose = import "compose"
local encode = import "json"
local messages = import "message"
local show = import "show"

local CALLER = "192.0.2.100:5060"

local proxies = {}   -- every one, in the order of their numbers in the host
local fixed = 0      -- those of the file; later ones belong to a test

-- A message of the host without the place in this file and its own name.
local function reason(problem)
  return (tostring(problem):gsub("^spec/%w+:%d+: ", ""):gsub("^spec_core%.(%w+)", "%1"))
end

-- Calls the host; what it complains about is the fault of the line that called the method.
local function call(level, name, ...)
  local results = table.pack(pcall(core[name], ...))
  if not results[1] then error(reason(results[2]), level + 1) end
  return table.unpack(results, 2, results.n)
end

local function check_options(name, options, allowed, level)
  if type(options) ~= "table" then error(name .. ": expected a table, got " .. type(options), level + 1) end
  for key in pairs(options) do
    if not allowed[key] then
      local known = {}
      for option in pairs(allowed) do known[#known + 1] = option end
      table.sort(known)
      error(("%s: unknown option '%s'; there are %s"):format(name, tostring(key), table.concat(known, ", ")), level + 1)
    end
  end
end

local function clear(self)
  self.messages = {}     -- sent by the proxy
  self.received = nil    -- the last request that it was given
  self.invite = nil
  self.answered = nil    -- the INVITE of the proxy that a callee said yes to
  self.number = 0
  self.feedback = 0      -- how often a next hop said what it allows
  self.cseq = {}
end

-- What was sent since the last look.
local function take(self)
  local new = {}
  for index = #self.messages + 1, core.count(self.id) do
    local text, destination = core.sent(self.id, index)
    local message = messages.parse(text)
    message.destination = destination
    self.messages[index] = message
    new[#new + 1] = message
  end
  return new
end

local function give(self, level, text, from, listener)
  call(level + 1, "receive", self.id, text, from, listener or 0)
  return take(self)
end

local function give_request(self, level, text, from, listener)
  local message = messages.parse(text)
  message.source = from
  self.received = { text = text, from = from, listener = listener }
  if message.method == "INVITE" then self.invite = message end
  return give(self, level + 1, text, from, listener)
end

local methods = {}

local request_options = {
  method = true, uri = true, from = true, headers = true, body = true, branch = true, call_id = true, cseq = true,
  user = true, listener = true,
}

-- A request from outside: a table, or the whole text with where it comes from.
function methods:receive(request, options)
  if type(request) == "string" then
    options = options or {}
    check_options("receive", options, { from = true, listener = true }, 2)
    return give_request(self, 2, request, options.from or CALLER, options.listener)
  end
  check_options("receive", request, request_options, 2)
  local copy = {}
  for key, value in pairs(request) do copy[key] = value end
  copy.from = copy.from or CALLER
  if type(copy.uri) ~= "string" then error("receive: needs uri, the Request-URI", 2) end
  self.number = self.number + 1
  return give_request(self, 2, compose.request(copy, self.number), copy.from, copy.listener)
end

-- The last request once more, byte for byte.
function methods:retransmit()
  local last = self.received
  if not last then error("retransmit: nothing was received yet", 2) end
  return give(self, 2, last.text, last.from, last.listener)
end

local function last(self, fits)
  for index = #self.messages, 1, -1 do
    if fits(self.messages[index]) then return self.messages[index] end
  end
  return nil
end

-- The last request that the proxy sent, of a method if one is given.
function methods:last_request(method)
  return last(self, function(message) return message.method ~= nil and (method == nil or message.method == method) end)
end

-- The last response that the proxy sent.
function methods:last_response() return last(self, function(message) return message.code ~= nil end) end

-- Everything that the proxy sent.
function methods:sent() return table.move(self.messages, 1, #self.messages, 1, {}) end

local respond_options = { request = true, reason = true, headers = true, body = true, to_tag = true, allows = true }

-- Who got the last request, or the one named in the options, answers.
function methods:respond(code, options)
  if math.type(code) ~= "integer" or code < 100 or code > 699 then
    error("respond: expected a code from 100 to 699, got " .. tostring(code), 2)
  end
  options = options or {}
  check_options("respond", options, respond_options, 2)
  local request = options.request
  if type(request) ~= "table" then
    request = last(self, function(message)
      return message.method ~= nil and message.method ~= "ACK" and (not options.request or message.method == options.request)
    end)
  end
  if not request or not request.method or not request.destination then
    error("respond: the proxy has sent no request that could be answered", 2)
  end
  if code >= 200 and code < 300 and request.method == "INVITE" then self.answered = request end
  if options.allows then
    if math.type(options.allows) ~= "integer" then error("respond: allows: expected requests a second", 2) end
    self.feedback = self.feedback + 1
  end
  return give(self, 2, compose.response(request, code, options, self.feedback), request.destination)
end

local function invite_of(self, name)
  return self.invite or error(name .. ": no INVITE was received yet", 3)
end

local function answer_of(self, name)
  local id = invite_of(self, name):header("Call-ID")
  local answer = last(self, function(message)
    return message.code ~= nil and message.code >= 200 and message:header("Call-ID") == id
      and message:header("CSeq"):find("INVITE", 1, true) ~= nil
  end)
  return answer or error(name .. ": the INVITE has no final response yet", 3)
end

-- The caller gives up.
function methods:cancel()
  local invite = invite_of(self, "cancel")
  return give(self, 2, compose.follow_up("CANCEL", invite, invite:header("To")), invite.source)
end

local dialog_options = { by = true, from = true, headers = true, body = true }

local function within(self, method, options, level)
  options = options or {}
  check_options(method, options, dialog_options, level)
  local answer = answer_of(self, method)
  local by = options.by or "caller"
  if by ~= "caller" and by ~= "callee" then error(method .. ": by is \"caller\" or \"callee\"", level) end
  local invite = self.invite
  local side = by == "callee" and (self.answered or self:last_request("INVITE")) or invite
  if not side then error(method .. ": no INVITE has reached a callee", level) end
  local number = tonumber(invite:header("CSeq"):match("%d+"))
  if method ~= "ACK" then
    number = (self.cseq[by] or (by == "caller" and number or 0)) + 1
    self.cseq[by] = number
  end
  self.number = self.number + 1
  local given = {
    by = by, cseq = number, headers = options.headers, body = options.body,
    from = options.from or (by == "callee" and side.destination or invite.source),
  }
  local text = compose.within(method, side, answer, given, self.number)
  if method == "ACK" then return give(self, level, text, given.from) end
  self.received = { text = text, from = given.from }
  return give(self, level, text, given.from)
end

-- The caller's ACK to the final response it got.
function methods:ack(options)
  local answer = answer_of(self, "ack")
  if answer.code < 300 then return within(self, "ACK", options, 3) end
  return give(self, 2, compose.follow_up("ACK", self.invite, answer:header("To")), self.invite.source)
end

-- The last request again, with credentials for the challenge that the proxy answered it with.
function methods:authenticate(options)
  check_options("authenticate", options, { user = true, password = true }, 2)
  local user, password = options.user, options.password
  if type(user) ~= "string" or type(password) ~= "string" then error("authenticate: needs user and password", 2) end
  local answer = self:last_response()
  if not self.received or not answer or (answer.code ~= 401 and answer.code ~= 407) then
    error("authenticate: the last response is no 401 or 407", 2)
  end
  local request = messages.parse(self.received.text)
  local from, listener = self.received.from, self.received.listener
  if request.method == "INVITE" then
    give(self, 2, compose.follow_up("ACK", request, answer:header("To")), from, listener)
  end
  self.number = self.number + 1
  local text, problem = compose.authorized(request, answer, user, password, self.number, core.digest)
  if not text then error("authenticate: " .. problem, 2) end
  return give_request(self, 2, text, from, listener)
end

-- A request within the dialog, by the caller or the callee.
function methods:within_dialog(method, options) return within(self, method, options, 3) end

function methods:bye(options) return within(self, "BYE", options, 3) end

-- Lets time pass, in seconds; what is sent meanwhile.
function methods:advance(seconds)
  call(2, "advance", self.id, seconds)
  return take(self)
end

-- What a counter of the proxy says, by its name in the metrics.
function methods:metric(name) return call(2, "metric", self.id, name) end

-- What the script wrote, and what was written about it; of one level if one is given.
function methods:log(level) return (call(2, "log", self.id, level)) end

-- Accounting records, the oldest first, each as a table of its columns.
function methods:records() return call(2, "records", self.id) end

-- "stateful" or "stateless": how the last request was forwarded; nil when it was not.
function methods:state() return (call(2, "state", self.id)) end

-- Says that a target of a set is "up", "down" or "drained", as `servartuka ctl dispatcher` does.
function methods:mark(set, uri, state) call(2, "mark", self.id, set, uri, state) end

local metatable = { __index = show.strict("proxy", methods, { received = true, invite = true, answered = true }) }
function metatable.describe(self) return "proxy " .. self.id end

local proxy_options = {
  script = true, source = true, config = true, dns = true, policy = true, trusted = true, keep = true,
}

local sip = {}

function sip.proxy(options)
  options = options or {}
  check_options("sip.proxy", options, proxy_options, 2)
  local given = {}
  for key, value in pairs(options) do given[key] = value end
  if type(given.config) == "table" then
    local succeeded, text = pcall(encode, given.config)
    if not succeeded then error("sip.proxy: config: " .. tostring(text), 2) end
    given.config, given.settings = nil, text
  end
  local self = { id = call(2, "proxy", given) }
  clear(self)
  proxies[self.id] = setmetatable(self, metatable)
  return self
end

setmetatable(sip, { __index = show.strict("sip", { proxy = sip.proxy }) })

-- The file has been read: the proxies made until now are those of every test.
local function fix()
  fixed = #proxies
  core.fix()
end

-- Before each test.
local function fresh()
  for index = #proxies, fixed + 1, -1 do proxies[index] = nil end
  for index = 1, fixed do
    if core.fresh(index) then clear(proxies[index]) end
  end
end

return { sip = sip, fix = fix, fresh = fresh, reason = reason }
