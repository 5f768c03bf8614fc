-- Tests of the example policies in config/policies: who holds the state of which call.
local upstream, downstream = "192.0.2.9:5060", "192.0.2.2"

local function proxy_with(name)
  return sip.proxy { script = "../policies/" .. name .. ".lua", policy = "servartuka", trusted = { downstream } }
end

-- Of so many calls, how many were held.
local function held(proxy, calls, request)
  local count = 0
  for number = 1, calls do
    local copy = { uri = "sip:bob@" .. downstream, call_id = "call-" .. number, from = upstream }
    for key, value in pairs(request or {}) do copy[key] = value end
    proxy:receive(copy)
    if proxy:state() == "stateful" then count = count + 1 end
  end
  expect(proxy:log("error")).to_be("")
  return count
end

describe("every example policy", function()
  for _, name in ipairs { "cap-share", "hold-trunk", "keep-gold", "probabilistic" } do
    it(name .. " keeps its calls on the path of their dialogs", function()
      local proxy = proxy_with(name)
      proxy:receive { uri = "sip:bob@" .. downstream }
      expect(proxy:last_request("INVITE"):headers("Record-Route")).to_have_length(1)
      proxy:respond(200)
      proxy:ack()
      proxy:bye()
      expect(proxy:last_request().method).to_be("BYE")
      expect(proxy:last_request().destination).to_be(downstream .. ":5060")
      expect(proxy:log("error")).to_be("")
    end)
  end
end)

-- The next hop has said that it takes a lot.
local function with_room_behind(name)
  local proxy = proxy_with(name)
  proxy:receive { uri = "sip:bob@" .. downstream, from = upstream, call_id = "first" }
  proxy:respond(200, { allows = 100000 })
  proxy:advance(1)
  return proxy
end

describe("hold-trunk", function()
  it("holds every call of the trunk, wherever there is room", function()
    expect(held(with_room_behind "hold-trunk", 20, { from = "192.0.2.10:5060" })).to_be(20)
  end)
end)

describe("keep-gold", function()
  it("holds every call of gold customers, wherever there is room", function()
    expect(held(with_room_behind "keep-gold", 20, { user = "alice" })).to_be(20)
  end)
end)

describe("cap-share", function()
  it("holds no more than its share", function()
    expect(held(with_room_behind "cap-share", 200)).to_be_between(30, 90)
  end)

  it("holds all when nobody behind it takes any", function()
    expect(held(proxy_with "cap-share", 20)).to_be(20)
  end)
end)

describe("probabilistic", function()
  it("divides the calls by its own figure", function()
    expect(held(with_room_behind "probabilistic", 200)).to_be_between(60, 140)
  end)

  it("holds a call when nobody behind it could", function()
    expect(held(with_room_behind "probabilistic", 20, { uri = "sip:bob@192.0.2.201" })).to_be(20)
  end)

  it("holds nothing that is held before it", function()
    local via = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-held;svk=held"
    local proxy = sip.proxy {
      script = "../policies/probabilistic.lua", policy = "servartuka", trusted = { downstream, "192.0.2.9" },
    }
    expect(held(proxy, 1, { headers = { Via = via } })).to_be(0)
  end)
end)
