-- Extended regular expressions (POSIX), without regard to case, as OpenSER compiles them. Backtracking, within the
-- budget of the handler; compiled ones are kept.
local regex = {}

-- ---- Single characters ----

local classes = {
  alpha = "%a", digit = "%d", alnum = "%w", upper = "%a", lower = "%a", space = "%s", punct = "%p", xdigit = "%x",
  cntrl = "%c", blank = "[ \t]", print = "[^%c]", graph = "[^%c ]",
}

-- A set is a table of the bytes in it.
local function add_range(set, first, last)
  for byte = first, last do
    set[byte] = true
    local char = string.char(byte)
    set[char:lower():byte()], set[char:upper():byte()] = true, true
  end
end

local function read_set(text, index)
  local set, negated = {}, false
  if text:sub(index, index) == "^" then negated, index = true, index + 1 end
  local first = true
  while first or text:sub(index, index) ~= "]" do
    if index > #text then error("regular expression: [ without ] in " .. text, 0) end
    local class = text:match("^%[:(%a+):%]", index)
    if class then
      for byte = 0, 255 do
        if classes[class] and string.char(byte):find(classes[class]) then set[byte] = true end
      end
      index = index + #class + 4
    else
      local from, to = text:byte(index), nil
      if text:sub(index + 1, index + 1) == "-" and text:sub(index + 2, index + 2):find("[^%]]") then
        to = text:byte(index + 2)
        index = index + 3
      else
        index = index + 1
      end
      add_range(set, from, to or from)
    end
    first = false
  end
  if negated then
    local other = {}
    for byte = 0, 255 do other[byte] = not set[byte] or nil end
    set = other
  end
  return set, index + 1
end

local any = {}
for byte = 0, 255 do any[byte] = true end

-- ---- Matchers: function(s, i, k) tries at byte i and goes on with k(j) behind it ----

local function single(set)
  return function(s, i, k)
    if set[s.text:byte(i)] then return k(i + 1) end
  end
end

-- As many as there are, then fewer: without recursion, however long the text.
local function repeat_single(set, min, max)
  return function(s, i, k)
    local text, j = s.text, i
    while j - i < max and set[text:byte(j)] do j = j + 1 end
    while j - i >= min do
      local stop = k(j)
      if stop then return stop end
      j = j - 1
    end
  end
end

local function repeat_any(node, min, max)
  return function(s, i, k)
    local function try(j, count)
      if count < max then
        local stop = node(s, j, function(next)
          if next > j or count < min then return try(next, count + 1) end
        end)
        if stop then return stop end
      end
      if count >= min then return k(j) end
    end
    return try(i, 0)
  end
end

local function sequence(nodes)
  local node = nodes[#nodes]
  if not node then return function(_, i, k) return k(i) end end
  for index = #nodes - 1, 1, -1 do
    local first, rest = nodes[index], node
    node = function(s, i, k) return first(s, i, function(j) return rest(s, j, k) end) end
  end
  return node
end

local function choice(nodes)
  if #nodes == 1 then return nodes[1] end
  return function(s, i, k)
    for _, node in ipairs(nodes) do
      local stop = node(s, i, k)
      if stop then return stop end
    end
  end
end

local function at_start(s, i, k)
  if i == 1 or (s.lines and s.text:byte(i - 1) == 10) then return k(i) end
end

local function at_end(s, i, k)
  if i == #s.text + 1 or (s.lines and s.text:byte(i) == 10) then return k(i) end
end

-- ---- The parser ----

local depth_max <const> = 50
local parse_choice

local function parse_atom(p)
  local char = p.text:sub(p.index, p.index)
  p.index = p.index + 1
  if char == "(" then
    p.groups = p.groups + 1
    local number = p.groups
    local node = parse_choice(p)
    if p.text:sub(p.index, p.index) ~= ")" then error("regular expression: ( without ) in " .. p.text, 0) end
    p.index = p.index + 1
    return function(s, i, k)
      return node(s, i, function(j)
        local from, to = s.from[number], s.to[number]
        s.from[number], s.to[number] = i, j - 1
        local stop = k(j)
        if not stop then s.from[number], s.to[number] = from, to end
        return stop
      end)
    end
  elseif char == "[" then
    local set
    set, p.index = read_set(p.text, p.index)
    return single(set), set
  elseif char == "." then
    return single(any), any
  elseif char == "^" then
    return at_start
  elseif char == "$" then
    return at_end
  elseif char == "\\" then
    char = p.text:sub(p.index, p.index)
    p.index = p.index + 1
  end
  local set = {}
  if char ~= "" then add_range(set, char:byte(), char:byte()) end
  return single(set), set
end

-- Repetitions of one atom at most.
local repeat_max <const> = 255

local function parse_repetition(p)
  local char = p.text:sub(p.index, p.index)
  if char == "*" or char == "+" or char == "?" then
    p.index = p.index + 1
    return char == "+" and 1 or 0, char == "?" and 1 or math.maxinteger
  end
  local min, comma, max, stop = p.text:match("^{(%d+)(,?)(%d*)}()", p.index)
  if not min then return nil end
  p.index = stop
  min = math.min(tonumber(min), repeat_max)
  max = comma == "" and min or max == "" and math.maxinteger or math.min(tonumber(max), repeat_max)
  return min, max
end

local function parse_sequence(p)
  local nodes = {}
  while p.index <= #p.text do
    local char = p.text:sub(p.index, p.index)
    if char == "|" or (char == ")" and p.depth > 1) then break end
    local node, set = parse_atom(p)
    local min, max = parse_repetition(p)
    while min do
      node = set and repeat_single(set, min, max) or repeat_any(node, min, max)
      set = nil
      min, max = parse_repetition(p)
    end
    nodes[#nodes + 1] = node
  end
  return sequence(nodes)
end

function parse_choice(p)
  p.depth = p.depth + 1
  if p.depth > depth_max then error("regular expression: parentheses nested too deeply", 0) end
  local nodes = { parse_sequence(p) }
  while p.text:sub(p.index, p.index) == "|" do
    p.index = p.index + 1
    nodes[#nodes + 1] = parse_sequence(p)
  end
  p.depth = p.depth - 1
  return choice(nodes)
end

-- Expressions stand in the script, so that they are few; texts made at run time begin anew when they are many.
local compiled, compiled_count = {}, 0
local compiled_max <const> = 500

local function compile(expression)
  local found = compiled[expression]
  if found then return found end
  if compiled_count >= compiled_max then compiled, compiled_count = {}, 0 end
  local p = { text = expression, index = 1, depth = 0, groups = 0 }
  local made = { match = parse_choice(p), is_anchored = expression:sub(1, 1) == "^" and not expression:find("|", 1, true) }
  compiled[expression] = made
  compiled_count = compiled_count + 1
  return made
end

local function behind(j) return j end

-- The first match from byte `start` on: where it begins and ends, and the groups.
local function find(expression, text, start, lines)
  local made = compile(expression)
  local s = { text = text, lines = lines, from = {}, to = {} }
  local last = made.is_anchored and not lines and start or #text + 1
  if made.is_anchored and not lines and start > 1 then return nil end
  for i = start, last do
    local j = made.match(s, i, behind)
    if j then return i, j - 1, s end
  end
  return nil
end

-- Whether an expression matches somewhere in a value. `lines`: ^ and $ match at line ends too.
function regex.matches(value, expression, lines)
  if value == nil or expression == nil then return false end
  return find(expression, tostring(value), 1, lines) ~= nil
end

-- Matches replaced; \1 … \9 in the replacement stand for the groups, & and \0 for all.
function regex.replace(text, expression, replacement, all)
  local parts, start, count = {}, 1, 0
  while start <= #text + 1 do
    local from, to, s = find(expression, text, start)
    if not from then break end
    count = count + 1
    parts[#parts + 1] = text:sub(start, from - 1)
    parts[#parts + 1] = replacement:gsub("\\(%d)", function(digit)
      local group = tonumber(digit)
      if group == 0 then return text:sub(from, to) end
      return s.from[group] and text:sub(s.from[group], s.to[group]) or ""
    end)
    start = math.max(to + 1, from)
    if to < from then
      parts[#parts + 1] = text:sub(start, start)
      start = start + 1
    end
    if not all then break end
  end
  parts[#parts + 1] = text:sub(start)
  return table.concat(parts), count
end

-- "/expression/replacement/flags", flags g for all. Gives the text and how often it was replaced.
function regex.substitute(text, command)
  if text == nil then return nil, 0 end
  local mark = command:sub(1, 1)
  local pieces, piece, index = {}, {}, 2
  while index <= #command do
    local char = command:sub(index, index)
    if char == "\\" and command:sub(index + 1, index + 1) == mark then
      piece[#piece + 1] = mark
      index = index + 1
    elseif char == mark then
      pieces[#pieces + 1] = table.concat(piece)
      piece = {}
    else
      piece[#piece + 1] = char
    end
    index = index + 1
  end
  pieces[#pieces + 1] = table.concat(piece)
  return regex.replace(tostring(text), pieces[1] or "", pieces[2] or "", (pieces[3] or ""):find("g", 1, true) ~= nil)
end

return regex
