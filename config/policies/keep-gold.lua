-- Keep the state of some customers' calls on this proxy, whatever the load: their calls get the failure handling and the
-- records that are set up here. Everybody else's state goes where the policy sees room.

-- Users whose calls stay, by the user part of the caller's address.
local gold = { alice = true, ["+15555550100"] = true }

function on_request(req)
  if req:has_to_tag() and req:loose_route() then return req:relay() end
  if not req:has_to_tag() and req.method == "INVITE" then req:record_route() end
  return req:relay()
end

function choose_state_mode(req, view)
  local caller = req.from.uri
  if caller and gold[caller.user] then return "stateful" end
  return servartuka.choose(req, view)
end
