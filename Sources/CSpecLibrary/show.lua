-- Values as failures show them, their deep comparison, and errors for names that are not there.
local show = {}

local LINES_MAX = 60

local function is_word(key) return type(key) == "string" and key:match("^[%a_][%w_]*$") ~= nil end

local function ordered_keys(value)
  local keys = {}
  for key in pairs(value) do
    if not (math.type(key) == "integer" and key >= 1 and key <= #value) then keys[#keys + 1] = key end
  end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local function render(value, indent, seen)
  if type(value) == "string" then return '"' .. value:gsub("\r\n", "\n") .. '"' end
  if type(value) ~= "table" then return tostring(value) end
  if seen[value] then return "{…}" end
  local described = getmetatable(value)
  if type(described) == "table" and described.describe then return described.describe(value) end
  seen[value] = true
  local parts = {}
  for _, item in ipairs(value) do parts[#parts + 1] = render(item, indent .. "  ", seen) end
  for _, key in ipairs(ordered_keys(value)) do
    local name = is_word(key) and key or "[" .. render(key, indent, seen) .. "]"
    parts[#parts + 1] = name .. " = " .. render(value[key], indent .. "  ", seen)
    if #parts > LINES_MAX then
      parts[#parts + 1] = "…"
      break
    end
  end
  seen[value] = nil
  if #parts == 0 then return "{}" end
  local line = "{ " .. table.concat(parts, ", ") .. " }"
  if #line <= 76 and not line:find("\n", 1, true) then return line end
  return "{\n" .. indent .. "  " .. table.concat(parts, ",\n" .. indent .. "  ") .. "\n" .. indent .. "}"
end

function show.value(value) return render(value, "", {}) end

local function equal(a, b, seen)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  if seen[a] == b then return true end
  seen[a] = b
  for key, value in pairs(a) do
    if not equal(value, rawget(b, key), seen) then return false end
  end
  for key in pairs(b) do
    if rawget(a, key) == nil then return false end
  end
  return true
end

function show.equal(a, b) return equal(a, b, {}) end

-- An __index that knows its names. `level` is that of whoever reads the name.
function show.strict(kind, members, fields)
  local names = {}
  for name in pairs(members) do names[#names + 1] = name end
  for name in pairs(fields or {}) do names[#names + 1] = name end
  table.sort(names)
  local known = table.concat(names, ", ")
  return function(_, name)
    local member = members[name]
    if member ~= nil then return member end
    if fields and fields[name] then return nil end
    error(kind .. " has no '" .. tostring(name) .. "'; there are " .. known, 2)
  end
end

return show
