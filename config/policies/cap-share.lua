-- Hold at most a share of the calls that another proxy could hold, even when there is room for more here: capacity that is
-- meant for something else stays free.

-- Of the calls that could be left to the next hop, this proxy holds at most so many.
local share = 0.3

function on_request(req)
  if req:has_to_tag() and req:loose_route() then return req:relay() end
  if not req:has_to_tag() and req.method == "INVITE" then req:record_route() end
  return req:relay()
end

function choose_state_mode(req, view)
  -- call_fraction is the same for all requests of a call: the call is held as a whole or left as a whole. A next hop that
  -- allows nothing gets nothing.
  if view.call_fraction >= share and view.allowance > 0 then return "stateless" end
  return servartuka.choose(req, view)
end
