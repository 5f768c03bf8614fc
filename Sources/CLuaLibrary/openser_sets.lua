-- Functions of dispatcher and permissions: sets and groups are those of the configuration, by the numbers they had.

-- What the numbers of algorithms mean, from OpenSER to Kamailio; the hashes go by a part of the request.
local keys = {
  [0] = function(req) return req.call_id end,
  [1] = function(req) return req.from.uri.text end,
  [2] = function(req) return req.to.uri.text end,
  [3] = function(req) return req.uri.text end,
}
local algorithms = { [4] = "round_robin", [6] = "weighted", [8] = "priority", [9] = "weighted", [11] = "weighted" }

local marks = { a = "up", d = "drained" }

return function(sip, result, keep)
  local function take(req, dispatch)
    dispatch.index = dispatch.index + 1
    local target = dispatch.targets[dispatch.index]
    if not target then return result(-1) end
    if dispatch.rewrites then req.uri = target.uri else sip.setdsturi(req, target.to) end
    return result(1)
  end

  local function select(req, set, algorithm, rewrites)
    local number = tonumber(algorithm)
    local key = keys[number]
    local options = { rewrite = rewrites, key = key and key(req), algorithm = not key and algorithms[number] or nil }
    local targets = dispatcher.select(tostring(set), options)
    if not targets then return result(-1) end
    local dispatch = { set = tostring(set), targets = targets, index = 0, rewrites = rewrites }
    keep().dispatch = dispatch
    return take(req, dispatch)
  end

  function sip.ds_select_dst(req, set, algorithm) return select(req, set, algorithm, false) end

  function sip.ds_select_domain(req, set, algorithm) return select(req, set, algorithm, true) end

  -- The next one of those that were selected.
  function sip.ds_next(req)
    local dispatch = keep().dispatch
    if not dispatch then return result(-1) end
    return take(req, dispatch)
  end

  -- The one selected last. By "t" it is tried: the proxy finds out by itself.
  function sip.ds_mark_dst(_, flags)
    local dispatch = keep().dispatch
    local target = dispatch and dispatch.targets[dispatch.index]
    if not target then return result(-1) end
    local flag = (flags or "i"):lower()
    if not flag:find("t") then dispatcher.mark(dispatch.set, target.to, marks[flag:sub(1, 1)] or "down") end
    return result(1)
  end

  function sip.ds_is_from_list(_, set) return result(dispatcher.contains(tostring(set)) and 1 or -1) end

  function sip.allow_source_address(_, group)
    return result(permissions.allowed(tostring(group or 1)) and 1 or -1)
  end

  function sip.allow_address(_, group, address, port)
    local number = tonumber(port) or 0
    if number > 0 then address = (address:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(address, number) end
    return result(permissions.allowed(tostring(group), address) and 1 or -1)
  end
end
