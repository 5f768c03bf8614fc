-- Functions of textops, siputils and the core that read and change the message.
local regex = require "openser.regex"
local values = require "openser.values"

return function(sip, result)
  -- ---- The Request-URI ----

  function sip.prefix(req, text)
    req.uri.user = text .. (req.uri.user or "")
    return result(1)
  end

  function sip.strip(req, count)
    req.uri.user = (req.uri.user or ""):sub(count + 1)
    return result(1)
  end

  function sip.strip_tail(req, count)
    local user = req.uri.user or ""
    req.uri.user = user:sub(1, math.max(0, #user - count))
    return result(1)
  end

  function sip.sethostport(req, text)
    local host, port = text:match("^(.-):(%d+)$")
    req.uri.host = host or text
    req.uri.port = tonumber(port)
    return result(1)
  end

  function sip.setuserpass(req, password)
    local user = (req.uri.user or ""):match("^[^:]*")
    req.uri.user = user .. ":" .. password
    return result(1)
  end

  -- uri_param("name") or uri_param("name", "value")
  function sip.uri_param(req, name, value)
    local found = req.uri:param(name)
    return result(found and (value == nil or found == value) and 1 or -1)
  end

  function sip.add_uri_param(req, text)
    local name, value = text:match("^([^=]+)=?(.*)$")
    if not name then return result(-1) end
    req.uri:set_param(name, value)
    return result(1)
  end

  function sip.tel2sip(req)
    local number = req.uri.text:match("^[tT][eE][lL]:([^;]+)")
    if not number then return result(-1) end
    req.uri = "sip:" .. number:gsub("[%-%.%(%)]", "") .. "@" .. (req.from.uri.host or "") .. ";user=phone"
    return result(1)
  end

  function sip.subst_uri(req, expression)
    local changed, count = regex.substitute(req.uri.text, expression)
    if count > 0 then req.uri = changed end
    return result(count > 0 and 1 or -1)
  end

  function sip.subst_user(req, expression)
    local changed, count = regex.substitute(req.uri.user or "", expression)
    if count > 0 then req.uri.user = changed end
    return result(count > 0 and 1 or -1)
  end

  function sip.is_domain_local(req, domain)
    -- The domains of the configuration are asked for by a URI that has them.
    if domain == req.uri.host then return result(req.uri.is_local and 1 or -1) end
    if domain == req.from.uri.host then return result(req.from.uri.is_local and 1 or -1) end
    if domain == req.to.uri.host then return result(req.to.uri.is_local and 1 or -1) end
    return result(-1)
  end

  -- ---- Headers ----

  function sip.append_hf(message, lines)
    for name, value in lines:gmatch("([%w%-]+)%s*:%s*([^\r\n]*)") do message.headers:add(name, value) end
    return result(1)
  end

  -- The header of a name by its place: from 1, or from the last one down with -1.
  function sip.header(message, name, index)
    local all = message.headers:all(name)
    return all[index < 0 and #all + 1 + index or index]
  end

  -- The URI of a header that holds an address.
  function sip.uri_of(message, name)
    local value = message.headers:get(name)
    return value and values.name_address(value).uri
  end

  function sip.search_hf(message, name, expression)
    for _, value in ipairs(message.headers:all(name)) do
      if regex.matches(value, expression) then return result(1) end
    end
    return result(-1)
  end

  function sip.subst_hf(message, name, expression)
    local changed, count = regex.substitute(message.headers:get(name) or "", expression)
    if count > 0 then message.headers:set(name, changed) end
    return result(count > 0 and 1 or -1)
  end

  function sip.is_privacy(message, kind)
    local value = message.headers:get("Privacy")
    return result(value and value:lower():find(kind:lower(), 1, true) and 1 or -1)
  end

  -- ---- The whole message and its body ----

  function sip.search(message, expression) return result(regex.matches(message.message, expression, true) and 1 or -1) end

  function sip.search_body(message, expression)
    return result(regex.matches(message.body, expression, true) and 1 or -1)
  end

  function sip.has_body(message, kind)
    local is_there = #message.body > 0
    if is_there and kind then
      local own = (message.headers:get("Content-Type") or ""):lower():match("^[^;%s]*")
      is_there = own == kind:lower()
    end
    return result(is_there and 1 or -1)
  end

  function sip.set_body(message, text, kind)
    message.body = text
    if kind then message.headers:set("Content-Type", kind) end
    return result(1)
  end

  local function replace(message, expression, text, all)
    local changed, count = regex.replace(message.body, expression, text, all)
    if count > 0 then message.body = changed end
    return result(count > 0 and 1 or -1)
  end

  function sip.replace_body(message, expression, text) return replace(message, expression, text, false) end

  function sip.replace_body_all(message, expression, text) return replace(message, expression, text, true) end

  function sip.subst_body(message, expression)
    local changed, count = regex.substitute(message.body, expression)
    if count > 0 then message.body = changed end
    return result(count > 0 and 1 or -1)
  end

  function sip.drop_reply(reply)
    if reply.code < 200 then reply:drop() end
    return result(1)
  end

  -- ---- Addresses ----

  -- Whether an IPv4 address lies in a network such as 192.0.2.0/24.
  function sip.in_network(address, network)
    local base, bits = network:match("^(.-)/(.+)$")
    local own, first = values.ipv4(address), values.ipv4(base or network)
    if not own or not first then return address == base end
    local length = tonumber(bits)
    local mask = length and (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF or values.ipv4(bits) or 0xFFFFFFFF
    return own & mask == first & mask
  end

  -- A host by its name: names of peers of the configuration are not known to scripts yet.
  function sip.is_host(address, host) return address == host end
end
