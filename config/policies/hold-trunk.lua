-- Hold all calls of one trunk here, for records in one place; the policy decides about the others.

-- Addresses that the trunk's calls come from.
local trunk = { ["192.0.2.10"] = true, ["192.0.2.11"] = true }

function on_request(req)
  if req:has_to_tag() and req:loose_route() then return req:relay() end
  if not req:has_to_tag() and req.method == "INVITE" then req:record_route() end
  return req:relay()
end

function choose_state_mode(req, view)
  if trunk[req.source_ip] then return "stateful" end
  return servartuka.choose(req, view)
end
