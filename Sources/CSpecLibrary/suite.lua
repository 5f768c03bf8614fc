-- describe, it and what stands around them. The host loads this as the script of a spec file's VM: on_start reads the
-- spec file, on_request runs one of its tests, on_reply what comes after each.
local core, modules = spec_core, spec_modules
spec_core, spec_modules = nil, nil

local imported = {}
local function import(name)
  if imported[name] == nil then
    imported[name] = assert(load(modules[name], "=spec/" .. name))(import, core)
  end
  return imported[name]
end

local proxies = import "proxy"
expect = import "expect"
sip = proxies.sip

local root = { before = {}, after = {} }
local current = root   -- the block being read; nil while tests run
local tests = {}

local function reading(name)
  if not current then error(name .. " stands in describe or at the top of the file, not in a test", 3) end
end

local function checked(name, title, body)
  reading(name)
  if type(title) ~= "string" then error(name .. ": expected a title, got " .. type(title), 3) end
  if type(body) ~= "function" then error(name .. ": expected a function, got " .. type(body), 3) end
end

local function full_title(title)
  local block, text = current, title
  while block.title do
    text = block.title .. " › " .. text
    block = block.parent
  end
  return text
end

function describe(title, body)
  if current then checked("describe", title, body) else reading("describe") end
  local outer = current
  current = { title = title, parent = outer, before = {}, after = {} }
  body()
  current = outer
end

local function add(title, body)
  -- The only way to the line without the debug library.
  local _, place = pcall(error, "", 4)
  core.add(full_title(title), tonumber(tostring(place):match(":(%d+):")) or 0, body == nil)
  tests[#tests + 1] = { block = current, body = body }
end

function it(title, body)
  checked("it", title, body)
  add(title, body)
  return nil
end

function pending(title)
  reading("pending")
  add(tostring(title), nil)
  return nil
end

function before_each(body)
  reading("before_each")
  if type(body) ~= "function" then error("before_each: expected a function, got " .. type(body), 2) end
  table.insert(current.before, body)
end

function after_each(body)
  reading("after_each")
  if type(body) ~= "function" then error("after_each: expected a function, got " .. type(body), 2) end
  table.insert(current.after, body)
end

-- Helpers of a project: files beside the spec file; then modules of the program, such as json.
local helpers = {}
local program_require = require
function require(name)
  if type(name) ~= "string" then error("require: expected a name, got " .. type(name), 2) end
  if helpers[name] == nil then
    local found, text, path = pcall(core.read, (name:gsub("%.", "/")) .. ".lua")
    if not found then
      local is_there, module = pcall(program_require, name)
      if is_there then return module end
      error("require: " .. proxies.reason(text), 2)
    end
    local chunk, problem = load(text, "@" .. path)
    if not chunk then error(problem, 0) end
    local value = chunk(name)
    helpers[name] = value == nil and true or value
  end
  return helpers[name]
end

function on_start()
  local text, path = core.read(nil)
  local chunk, problem = load(text, "@" .. path)
  if not chunk then error(problem, 0) end
  chunk()
  current = nil
  proxies.fix()
end

local function run_before(block)
  if block.parent then run_before(block.parent) end
  for _, body in ipairs(block.before) do body() end
end

function on_request(index)
  proxies.fresh()
  local test = tests[index]
  run_before(test.block)
  test.body()
end

function on_reply(index)
  local block = tests[index].block
  while block do
    for _, body in ipairs(block.after) do body() end
    block = block.parent
  end
end
