-- Functions of nathelper that need no media relay.
local values = require "openser.values"

return function(sip, result)
  -- RFC 1918, and RFC 6598 as later versions count it.
  local function is_private(host)
    local address = host and values.ipv4(host)
    if not address then return false end
    return address >> 24 == 10 or address >> 20 == 0xAC1 or address >> 16 == 0xC0A8 or address >> 22 == 0x191
  end

  local function contact_host(message)
    local contact = message.contact
    return contact and contact.uri.host
  end

  local function via(message)
    local top = message.headers:all("Via")[1]
    if not top then return nil, nil end
    local host, port = top:match("^%S+%s+([^;:%s]+):?(%d*)")
    return host, tonumber(port) or 5060
  end

  local function has_private_sdp(message)
    for address in message.body:gmatch("c=IN IP4 (%S+)") do
      if is_private(address) then return true end
    end
    return false
  end

  -- Tests: 1 Contact is private, 2 Via is not the source, 8 SDP is private, 16 the source port is not that of Via.
  function sip.nat_uac_test(message, tests)
    local holds = tests & 1 ~= 0 and is_private(contact_host(message))
    if not holds and tests & 18 ~= 0 then
      local host, port = via(message)
      holds = (tests & 2 ~= 0 and host ~= nil and host ~= message.source_ip)
        or (tests & 16 ~= 0 and port ~= nil and port ~= message.source_port)
    end
    holds = holds or (tests & 8 ~= 0 and has_private_sdp(message))
    return result(holds and 1 or -1)
  end

  -- nat_traversal: 1 Contact is private, 2 Via is not the source, 4 Via is private.
  function sip.client_nat_test(message, tests)
    local host = via(message)
    local holds = (tests & 1 ~= 0 and is_private(contact_host(message)))
      or (tests & 2 ~= 0 and host ~= nil and host ~= message.source_ip)
      or (tests & 4 ~= 0 and is_private(host))
    return result(holds and 1 or -1)
  end

  -- Replies and later requests go to where the message came from.
  function sip.fix_nated_contact(message)
    local value = message.headers:get("Contact")
    local contact = message.contact
    if not value or not contact or not contact.uri.host then return result(-1) end
    local uri = contact.uri.text
    local place = message.source_ip:find(":", 1, true) and "[" .. message.source_ip .. "]" or message.source_ip
    local fixed = uri:gsub("^(%a+:)([^;?]*)", function(scheme, rest)
      local user = rest:match("^(.*@)") or ""
      return scheme .. user .. place .. ":" .. message.source_port
    end)
    local from, to = value:find(uri, 1, true)
    if not from then return result(-1) end
    message.headers:set("Contact", value:sub(1, from - 1) .. fixed .. value:sub(to + 1))
    return result(1)
  end

  -- Kinds: 2 the addresses of c=, 8 that of o=; 1 (a=direction:active) is left out.
  function sip.fix_nated_sdp(message, kinds, address)
    local place = address or message.source_ip
    local body, count = message.body, 0
    if kinds & 2 ~= 0 then body, count = body:gsub("(c=IN IP4 )%S+", "%1" .. place) end
    if kinds & 8 ~= 0 then
      local changed
      body, changed = body:gsub("(o=[^\r\n]-IN IP4 )%S+", "%1" .. place)
      count = count + changed
    end
    if count > 0 then message.body = body end
    return result(1)
  end
end
