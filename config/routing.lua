-- The routing script: what becomes of each request. `servartuka ctl reload` or SIGHUP takes a changed
-- script over without losing a call; a script in error is refused and the old one serves on.
--
-- The core has done its part before a script runs: it checked the request, absorbed retransmissions,
-- matched CANCEL and ACK to the transactions held here, took our own Route off and answered
-- Max-Forwards 0 and loops. It adds Via and, where asked, Record-Route. Scripts hold policy only.
-- Every object and function: docs/scripting.md and docs/scripting-reference.md.

-- Who may use this proxy to reach others, by IP address; nil: everybody who can send to it. That is
-- this machine alone while `listen` says 127.0.0.1. Before you listen elsewhere name your peers:
-- a proxy that relays for strangers is soon found and used for calls that you pay for.
local peers = nil -- { ["192.0.2.10"] = true, ["192.0.2.11"] = true }

local methods = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, SUBSCRIBE, NOTIFY, MESSAGE, PUBLISH"

-- A request whose Request-URI names this proxy: a listen address, an advertised name or a domain.
local function answer(req)
  if req.method == "OPTIONS" and not req.uri.user then
    return req:reply(200, { headers = { Allow = methods, Accept = "application/sdp" } })
  end
  if req.method == "REGISTER" then
    -- Whoever can send to this proxy may register under its names (`domains` of the configuration), unless a password
    -- is asked for first: docs/authentication.md shows how. nat = true: contacts behind address translation are reached where the REGISTER came from.
    return registrar.save(req, { nat = true })
  end
  if req.method == "CANCEL" then return req:reply(481) end
  local contacts = registrar.lookup(req.uri)
  if #contacts > 0 then
    if not req:has_to_tag() and (req.method == "INVITE" or req.method == "SUBSCRIBE") then req:record_route() end
    return req:relay { targets = contacts, order = "q" }
  end
  -- RFC 3261 §16.5: nobody registered is 480; we have no list of users to tell it from 404. An ACK is never answered;
  -- the core sees to it.
  return req:reply(req.uri.user and 480 or 404)
end

function on_request(req)
  if peers and not peers[req.source_ip] then
    -- Dialogs that were let in go on from either side.
    if not (req:has_to_tag() and req:loose_route()) and not req.uri.is_local then
      return req:reply(403, "Relaying Denied")
    end
  end

  -- Within a dialog the route set says where to go: the core has taken our own entry off, the rest is followed.
  if req:has_to_tag() and req:loose_route() then return req:relay() end

  if req.uri.is_local then return answer(req) end

  -- Stay on the path of the dialogs that begin here, so that their later requests pass as well.
  if not req:has_to_tag() and (req.method == "INVITE" or req.method == "SUBSCRIBE") then req:record_route() end

  -- To where Route or the Request-URI leads. Who keeps the state of the transaction is the policy's choice
  -- (`state.policy` of the configuration); { state = "stateful" } would insist on it.
  return req:relay()
end

-- The other hooks; each may be left out.
--
-- function on_start() log.info("routing with", servartuka.version()) end    -- once, after loading
--
-- function on_branch(req) req.headers:set("X-Branch", req.uri.host) end        -- each branch, before it leaves
--
-- function on_reply(reply)                                                     -- each reply but 100, on its way back
--   if reply.code == 183 then log.info("early media from", reply.source_ip) end
-- end
--
-- function on_failure(req, code)                                               -- every branch failed
--   if code == 486 or code == 408 then
--     return req:relay { targets = { "sip:voicemail@192.0.2.30" } }
--   end
-- end
--
-- function choose_state_mode(req, view)                                        -- who keeps the state of a request
--   if req.method == "MESSAGE" then return "stateless" end
--   return servartuka.choose(req, view)
-- end
