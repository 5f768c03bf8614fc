-- What configurations of OpenSER, OpenSIPS and Kamailio take for granted: state that one statement leaves for the
-- next, such as flags, AVPs, the set of branches and the routes for replies and failures. `servartuka convert` writes
-- scripts that use it; docs/porting.md has its functions.
--
-- Functions take the message first and give what the original gives: true or false, then the return code.
local sip = {}
local regex = require "openser.regex"
local values = require "openser.values"

sip.transform = values.transform
sip.matches, sip.substitute = regex.matches, regex.substitute

-- A route gives this to its caller when the script has ended in it.
sip.EXIT = setmetatable({}, { __name = "exit" })

-- What `setup` says: state = "auto" leaves to the policy who keeps a transaction, append_branches = false takes the
-- first contact only, acc_flag, acc_missed_flag, acc_failed_flag and acc_cdr_flag are the flags that account.
local settings = {}

function sip.setup(options)
  for name, value in pairs(options) do settings[name] = value end
end

-- ---- State of a request ----

local function fresh() return { flags = {}, bflags = {}, avps = {} } end

local state = fresh()
local code = 1

-- A table is used again unless something stands in it, or handlers of a transaction hold it.
local function begin(req)
  if state.used or state.kept then
    state = fresh()
  else
    state.branches, state.destination, state.on_failure, state.on_reply, state.on_branch = nil, nil, nil, nil, nil
    state.nat, state.user, state.reply_headers = nil, nil, nil
  end
  state.original = req.uri.text
end

local function result(value)
  code = value
  return value > 0, value
end

-- The code that the last function of this library gave.
function sip.retcode() return code end

-- Whether a value or a return code counts as true.
function sip.is_true(value)
  if type(value) == "number" then return value > 0 end
  return value ~= nil and value ~= false and value ~= ""
end

function sip.number(value) return tonumber(value) or 0 end

-- Runs what is a statement here and a condition there.
function sip.done(action)
  action()
  return true
end

local function set_of(name)
  return setmetatable({}, {
    __index = function(_, key) return state[name][key] end,
    __newindex = function(_, key, value)
      state.used = true
      state[name][key] = value
    end,
  })
end

-- flags[n] = true; nil takes it back.
sip.flags, sip.bflags = set_of("flags"), set_of("bflags")

function sip.flag_bits()
  local bits = 0
  for flag in pairs(state.flags) do
    if math.type(flag) == "integer" and flag >= 0 and flag < 63 then bits = bits | 1 << flag end
  end
  return bits
end

function sip.flag_text() return ("%x"):format(sip.flag_bits()) end

-- avp.name is the value that was given last; another one goes before it, nil removes all.
sip.avp = setmetatable({}, {
  __index = function(_, name)
    local list = state.avps[name]
    return list and list[#list]
  end,
  __newindex = function(_, name, value)
    state.used = true
    if value == nil then
      state.avps[name] = nil
    else
      local list = state.avps[name]
      if list then list[#list + 1] = value else state.avps[name] = { value } end
    end
  end,
})

-- All values of an AVP, the latest first.
function sip.avps(name)
  local list, copy = state.avps[name] or {}, {}
  for index = #list, 1, -1 do copy[#copy + 1] = list[index] end
  return copy
end

function sip.avp_delete(name)
  local list = state.avps[name]
  if not list then return result(-1) end
  list[#list] = nil
  if #list == 0 then state.avps[name] = nil end
  return result(1)
end

-- How: "g" copies all values, "" the latest; `move` takes them from the source.
function sip.avp_copy(from, to, how, move)
  local list = state.avps[from]
  if not list then return result(-1) end
  for index = how == "g" and 1 or #list, #list do sip.avp[to] = list[index] end
  if move then
    if how == "g" then state.avps[from] = nil else sip.avp_delete(from) end
  end
  return result(1)
end

function sip.avp_print()
  for name, list in pairs(state.avps) do log.info("avp", name, "=", tostring(list[#list])) end
  return result(1)
end

-- $var: kept from one request to the next, in one worker; 0 where nothing was assigned.
sip.var = setmetatable({}, { __index = function() return 0 end })

-- ---- Hooks ----

function sip.on_request(main)
  return function(req)
    begin(req)
    main(req)
    -- What a script says nothing about is not answered.
    if not req.is_decided then req:drop() end
  end
end

local global_reply

function sip.on_reply(handler)
  global_reply = handler
  return handler
end

function sip.on_branch(handler) return handler end

function sip.on_failure(handler) return handler end

-- Calls without a counterpart: each stops the script.
function sip.unsupported(names)
  local stubs = {}
  for _, name in ipairs(names) do
    stubs[name] = function() error(name .. " has no counterpart here; the report of servartuka convert says what to do", 2) end
  end
  return stubs
end

-- ---- Where requests go ----

function sip.original_uri() return state.original end

function sip.revert_uri(req)
  req.uri = state.original
  return result(1)
end

function sip.setdsturi(_, uri)
  state.destination = uri
  return result(1)
end

function sip.resetdsturi() return sip.setdsturi(nil, nil) end

function sip.isdsturiset() return result(state.destination and 1 or -1) end

function sip.destination() return state.destination end

-- "udp:host:port" and SIP URIs as `relay` takes them.
local function hop(target)
  if not target then return nil end
  local transport, place = target:match("^(%a+):(.+)$")
  if transport == "udp" then return place end
  if transport == "tcp" then return "sip:" .. place .. ";transport=tcp" end
  return target
end

function sip.append_branch(req, uri)
  state.branches = state.branches or {}
  table.insert(state.branches, { uri = uri or req.uri.text, to = not uri and hop(state.destination) or nil })
  return result(1)
end

-- The set as the headers of a redirection have it.
function sip.destination_set(req)
  local set = { "<" .. req.uri.text .. ">" }
  for _, branch in ipairs(state.branches or {}) do set[#set + 1] = "<" .. branch.uri .. ">" end
  return table.concat(set, ", ")
end

function sip.lookup(req)
  local contacts = registrar.lookup(req.uri)
  if #contacts == 0 then return result(-1) end
  req.uri = contacts[1].uri
  state.destination = contacts[1].to
  if settings.append_branches ~= false then
    for index = 2, #contacts do
      state.branches = state.branches or {}
      table.insert(state.branches, contacts[index])
    end
  end
  return result(1)
end

-- A table of the location service other than the one that registrations go to: it is empty.
function sip.lookup_in() return result(-1) end

function sip.registered(req) return result(#registrar.lookup(req.uri) > 0 and 1 or -1) end

function sip.fix_nated_register()
  state.nat = true
  return result(1)
end

function sip.save(req)
  if req.is_decided then return result(-1) end
  return result(registrar.save(req, { nat = state.nat or false }) and 1 or -1)
end

-- ---- Relaying ----

local function is_set(flag) return flag and state.flags[flag] end

-- What the flags of acc ask for, before a request is relayed.
local function account(req)
  local accounts, missed = is_set(settings.acc_flag), is_set(settings.acc_missed_flag)
  if accounts or missed then
    acc.request(req, {
      answered = accounts or false, missed = missed or false,
      failed = accounts and is_set(settings.acc_failed_flag) or false,
    })
  end
  if is_set(settings.acc_cdr_flag) and req.method == "INVITE" and not req:has_to_tag() then
    dialog.track(req, { cdr = true })
  end
end

-- "404 Not Found" as the code and the rest; a text without a code gets 200.
local function account_now(req, text, options)
  local status, reason = text:match("^(%d%d%d)%s*(.*)$")
  status = tonumber(status)
  if not status or status < 100 or status > 699 then status, reason = 200, text end
  acc.log(req, reason, status, options)
  return result(1)
end

function sip.acc_log_request(req, text) return account_now(req, text, {}) end

function sip.acc_db_request(req, text, name) return account_now(req, text, { missed = name == "missed_calls" }) end

-- The functions that the transaction calls later. They bring back the state that the request left.
local function add_handlers(options)
  local kept = state
  if kept.on_failure then
    kept.kept = true
    options.on_failure = function(req)
      state = kept
      local handler = kept.on_failure
      kept.on_failure, kept.branches, kept.destination, kept.failed = nil, nil, nil, true
      if handler then handler(req) end
    end
  end
  if kept.on_reply or (global_reply and options.on_failure) then
    kept.kept = true
    options.on_reply = function(reply)
      state = kept
      if global_reply then global_reply(reply) end
      if kept.on_reply then kept.on_reply(reply) end
    end
  end
  if kept.on_branch then
    kept.kept = true
    options.on_branch = function(req)
      state = kept
      kept.on_branch(req)
    end
  end
end

local function needs_handlers() return state.on_failure or state.on_reply or state.on_branch end

local stateful <const> = { state = "stateful" }
local open <const> = { state = "auto" }

function sip.t_relay(req, target)
  if req.is_decided then
    log.debug("t_relay: the request is relayed or answered already")
    return result(-1)
  end
  if not state.failed then account(req) end
  local branches, destination = state.branches, state.destination
  if not target and not branches and not destination and not needs_handlers() then
    req:relay(settings.state == "auto" and open or stateful)
    return result(1)
  end
  local options = { to = hop(target) }
  if settings.state ~= "auto" then options.state = "stateful" end
  if branches or destination then
    local targets = {}
    -- In a failure route only what was added since counts.
    if not (state.failed and branches) then targets[1] = { uri = req.uri.text, to = hop(destination) } end
    for _, branch in ipairs(branches or {}) do targets[#targets + 1] = branch end
    options.targets = targets
  end
  add_handlers(options)
  state.branches, state.destination = nil, nil
  req:relay(options)
  return result(1)
end

function sip.t_relay_to(req, host, port) return sip.t_relay(req, port and host .. ":" .. port or host) end

function sip.forward(req, target)
  if req.is_decided then return result(-1) end
  if state.branches or (state.destination and not target) then return sip.t_relay(req, target) end
  req:forward { to = hop(target) }
  return result(1)
end

sip.send = sip.forward

function sip.t_on_failure(_, handler)
  state.on_failure = handler
  return result(1)
end

function sip.t_on_reply(_, handler)
  state.on_reply = handler
  return result(1)
end

function sip.t_on_branch(_, handler)
  state.on_branch = handler
  return result(1)
end

-- ACK and CANCEL of transactions that are held here never reach the script. Without state their INVITE may have gone
-- through here all the same: they follow it.
function sip.t_check_trans(req)
  local follows = settings.state == "auto" and (req.method == "ACK" or req.method == "CANCEL")
  return result(follows and 1 or -1)
end

-- The status that the message has, or that a failure route runs for.
function sip.reply_code(message)
  local ok, status = pcall(function() return message.failure_code end)
  return ok and status or message.code
end

function sip.t_local_replied(req) return result(req.failure_code == 408 and 1 or -1) end

function sip.record_route(req, parameters)
  if parameters then log.debug("record_route: parameters are left out:", parameters) end
  req:record_route()
  return result(1)
end

-- ---- Answering ----

function sip.append_to_reply(_, lines)
  state.reply_headers = state.reply_headers or {}
  for name, value in lines:gmatch("([%w%-]+)%s*:%s*([^\r\n]*)") do state.reply_headers[name] = value end
  return result(1)
end

function sip.append_time() return sip.append_to_reply(nil, "Date: " .. os.date("!%a, %d %b %Y %H:%M:%S GMT")) end

function sip.reply(req, status, reason)
  if status < 200 then return result(1) end
  if req.is_decided then
    log.debug("a reply", status, "is left out: the request is relayed or answered already")
    return result(-1)
  end
  local headers = state.reply_headers or {}
  -- A redirection names where the request may go instead.
  if status < 400 and status >= 300 and (state.branches or req.uri.text ~= state.original) then
    headers.Contact = sip.destination_set(req)
  end
  req:reply(status, reason, { headers = headers })
  return result(1)
end

function sip.sl_reply_error(req)
  if req.is_decided then return result(1) end
  return sip.reply(req, 500, "I'm terribly sorry, server error occurred")
end

function sip.options_reply(req)
  if req.method ~= "OPTIONS" or req.uri.user or not req.uri.is_local then return result(-1) end
  sip.append_to_reply(nil, "Accept: */*\r\nAccept-Encoding:\r\nAccept-Language: en\r\nSupported:")
  return sip.reply(req, 200, "OK")
end

-- ---- Who is asking ----

local function authorize(req, realm, is_proxy, address)
  if req.is_decided then return result(-1) end
  if realm == "" or not realm then realm = address.uri.host end
  local user = auth.require(req, { realm = realm, proxy = is_proxy })
  state.user = user ~= "" and user or nil
  return result(user and 1 or -1)
end

function sip.www_authorize(req, realm) return authorize(req, realm, false, req.to) end

function sip.proxy_authorize(req, realm) return authorize(req, realm, true, req.from) end

-- The challenge went out when the credentials were found wanting.
local function challenge(req, realm, is_proxy, address)
  if req.is_decided then return result(1) end
  authorize(req, realm, is_proxy, address)
  return result(1)
end

function sip.www_challenge(req, realm) return challenge(req, realm, false, req.to) end

function sip.proxy_challenge(req, realm) return challenge(req, realm, true, req.from) end

function sip.auth_user() return state.user end

local function is_own(user) return result((not state.user or user == state.user) and 1 or -1) end

function sip.check_to(req) return is_own(req.to.uri.user) end

function sip.check_from(req) return is_own(req.from.uri.user) end

function sip.is_user(_, user) return result(state.user == user and 1 or -1) end

require("openser.messages")(sip, result)
require("openser.nat")(sip, result)
require("openser.sets")(sip, result, function()
  state.used = true
  return state
end)

return sip
