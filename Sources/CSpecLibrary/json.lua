-- Tables as JSON, which is YAML too: how a configuration in a spec reaches the loader of configurations.
local function quote(text)
  return '"' .. text:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
end

local encode

local function encode_table(value)
  local parts = {}
  if #value > 0 then
    for _, item in ipairs(value) do parts[#parts + 1] = encode(item) end
    return "[" .. table.concat(parts, ", ") .. "]"
  end
  local keys = {}
  for key in pairs(value) do
    if type(key) ~= "string" then error("a configuration has names or lists, not the key " .. tostring(key), 0) end
    keys[#keys + 1] = key
  end
  -- Nothing in it: neither list nor map, and both may be absent.
  if #keys == 0 then return "null" end
  table.sort(keys)
  for _, key in ipairs(keys) do parts[#parts + 1] = quote(key) .. ": " .. encode(value[key]) end
  return "{" .. table.concat(parts, ", ") .. "}"
end

function encode(value)
  local kind = type(value)
  if kind == "table" then return encode_table(value) end
  if kind == "string" then return quote(value) end
  if kind == "number" or kind == "boolean" then return tostring(value) end
  error("a configuration cannot hold a " .. kind, 0)
end

return encode
