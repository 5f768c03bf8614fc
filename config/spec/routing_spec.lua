-- Tests of config/routing.lua with its configuration: `servartuka test config/spec`.
describe("routing.lua", function()
  local proxy = sip.proxy { config = "../servartuka.yaml" }

  local function register(user, from, expires)
    proxy:receive {
      method = "REGISTER", uri = "sip:localhost", user = user, from = from, headers = { Expires = expires or 600 },
    }
    expect(proxy:last_response().code).to_be(200)
  end

  describe("requests to the proxy itself", function()
    it("answers OPTIONS with what it can do", function()
      local sent = proxy:receive { method = "OPTIONS", uri = "sip:127.0.0.1" }
      expect(sent[1].code).to_be(200)
      expect(sent[1]:header("Allow")).to_contain("INVITE")
    end)

    it("does not find a call that a CANCEL is about", function()
      local sent = proxy:receive { method = "CANCEL", uri = "sip:bob@localhost" }
      expect(sent[1].code).to_be(481)
    end)

    it("says that nobody is registered", function()
      expect(proxy:receive({ method = "MESSAGE", uri = "sip:bob@localhost" })[1].code).to_be(480)
      expect(proxy:receive({ method = "MESSAGE", uri = "sip:localhost" })[1].code).to_be(404)
    end)
  end)

  describe("registered users", function()
    it("get calls where they registered, and the calls stay on this proxy", function()
      register("bob", "192.0.2.50:5060")
      proxy:receive { uri = "sip:bob@localhost" }
      local invite = proxy:last_request("INVITE")
      expect(invite.destination).to_be("192.0.2.50:5060")
      expect(invite.uri).to_be("sip:bob@192.0.2.50:5060")
      expect(invite:header("Record-Route")).to_contain("sip:127.0.0.1")
      proxy:respond(200)
      proxy:ack()
      expect(proxy:last_request("ACK").destination).to_be("192.0.2.50:5060")
      proxy:bye { by = "callee" }
      expect(proxy:last_request("BYE").destination).to_be("192.0.2.100:5060")
    end)

    it("are reached behind an address translation where their REGISTER came from", function()
      proxy:receive {
        method = "REGISTER", uri = "sip:localhost", user = "bob", from = "203.0.113.7:40000",
        headers = { Contact = "<sip:bob@10.0.0.5:5060>" },
      }
      proxy:receive { uri = "sip:bob@localhost" }
      expect(proxy:last_request("INVITE").destination).to_be("203.0.113.7:40000")
    end)

    it("are gone when their registration has run out", function()
      register("bob", "192.0.2.50:5060", 60)
      proxy:advance(61)
      proxy:receive { uri = "sip:bob@localhost" }
      expect(proxy:last_response().code).to_be(480)
    end)
  end)

  describe("calls to elsewhere", function()
    it("go where the Request-URI leads", function()
      proxy:receive { uri = "sip:bob@192.0.2.200" }
      local invite = proxy:last_request()
      expect(invite.destination).to_be("192.0.2.200:5060")
      expect(invite:headers("Record-Route")).to_have_length(1)
      expect(invite:header("Max-Forwards")).to_be("69")
    end)

    it("carry no Record-Route when they begin no dialog", function()
      proxy:receive { method = "MESSAGE", uri = "sip:bob@192.0.2.200", body = "hello" }
      expect(proxy:last_request():header("Record-Route")).to_be_nil()
      expect(proxy:last_request().body).to_be("hello")
    end)

    it("end with the answer of the callee", function()
      proxy:receive { uri = "sip:bob@192.0.2.200" }
      proxy:respond(486)
      expect(proxy:last_response().code).to_be(486)
    end)
  end)
end)
