-- A fixed part of the calls is held here, the rest by the next hop: a static division, for experiments and comparisons. It takes
-- the place of the policy: nothing is measured, nothing adapts.

local part = 0.5

function on_request(req)
  if req:has_to_tag() and req:loose_route() then return req:relay() end
  if not req:has_to_tag() and req.method == "INVITE" then req:record_route() end
  return req:relay()
end

function choose_state_mode(req, view)
  -- Held before us: nothing left to hold. Nobody behind us takes it: it is ours.
  if view.held_upstream then return "stateless" end
  if not view.next_hop then return "stateful" end
  return view.call_fraction < part and "stateful" or "stateless"
end
