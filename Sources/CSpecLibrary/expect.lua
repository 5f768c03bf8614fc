-- expect(value).to_be(other) and its kin. A failure tells the host what it is, and then ends the test as an error.
local import, core = ...
local show = import "show"

local matchers = {}

function matchers.to_be(got, wanted)
  return rawequal(got, wanted) or (type(got) == "number" and got == wanted), show.value(wanted)
end

function matchers.to_equal(got, wanted) return show.equal(got, wanted), show.value(wanted) end

function matchers.to_be_between(got, low, high)
  return type(got) == "number" and got >= low and got <= high, ("a number from %s to %s"):format(low, high)
end

function matchers.to_match(got, pattern)
  return type(got) == "string" and got:find(pattern) ~= nil, "a match of the pattern " .. show.value(pattern)
end

function matchers.to_contain(got, wanted)
  local text = "something with " .. show.value(wanted)
  if type(got) == "string" then return got:find(tostring(wanted), 1, true) ~= nil, text end
  if type(got) ~= "table" then return false, text end
  for _, item in pairs(got) do
    if show.equal(item, wanted) then return true, text end
  end
  return false, text
end

function matchers.to_be_nil(got) return got == nil, "nil" end

function matchers.to_be_truthy(got) return not not got, "a value that counts as true" end

function matchers.to_have_length(got, wanted)
  local length = (type(got) == "table" or type(got) == "string") and #got or nil
  return length == wanted, "a length of " .. show.value(wanted)
end

-- Whoever wants no message in particular leaves it out.
function matchers.to_fail_with(body, wanted)
  local text = "an error" .. (wanted and " with " .. show.value(wanted) or "")
  if type(body) ~= "function" then return false, text end
  local succeeded, problem = pcall(body)
  if succeeded then return false, text, "no error" end
  local message = tostring(problem)
  return wanted == nil or message:find(wanted, 1, true) ~= nil, text, "the error " .. show.value(message)
end

local function check(matcher, negated, value, ...)
  local holds, wanted, got = matcher(value, ...)
  if holds ~= negated then return end
  local text = "expected " .. (negated and "not " or "") .. wanted .. "\n     got " .. (got or show.value(value))
  core.failed(text)
  error(text, 3)
end

local known = {}
for name in pairs(matchers) do known[#known + 1] = name end
table.sort(known)
local hint = "there are " .. table.concat(known, ", ") .. ", each with not_ before it as well"

local expectation = {}
function expectation.__index(self, name)
  local negated = type(name) == "string" and name:sub(1, 4) == "not_"
  local matcher = matchers[negated and name:sub(5) or name]
  if not matcher then
    error("expect has no '" .. tostring(name) .. "'; " .. hint, 2)
  end
  return function(...)
    -- expect(x):to_be(y) means the same.
    if rawequal((...), self) then
      check(matcher, negated, rawget(self, 1), select(2, ...))
    else
      check(matcher, negated, rawget(self, 1), ...)
    end
  end
end

return function(value) return setmetatable({ value }, expectation) end
