// string.find, match, gmatch and gsub over a matcher of our own. Lua's matcher backtracks in C code that
// never meets the count hook, so one pattern such as "a.-b.-c.-d" on a long subject stops a worker for
// hours. This one follows §6.4.1 of the manual, and every step it takes is charged to the handler.
#define _GNU_SOURCE // memmem
#include <ctype.h>
#include <stdio.h>

#include "internal.h"

enum { SV_STEPS_PER_INSTRUCTION = 4, SV_STEP_BATCH = 512, SV_SET_BYTES_PER_STEP = 16 };
enum { SV_CAPTURE_OPEN = -1, SV_CAPTURE_POSITION = -2 };

typedef struct {
    const char *start;
    ptrdiff_t length; // or one of the marks above
} capture;

typedef struct {
    lua_State *L;
    sv_vm *vm;
    const char *subject;
    const char *subjectEnd;
    const char *patternEnd;
    uint32_t steps;
    int depth;
    int captureCount;
    capture captures[SV_CAPTURES_MAX];
} matcher;

static inline void take_steps(matcher *m, uint32_t count) {
    m->steps += count; // a pattern is far shorter than 2^32
    if (__builtin_expect(m->steps >= SV_STEP_BATCH, 0)) {
        uint32_t steps = m->steps;
        m->steps = 0;
        sv_charge(m->L, m->vm, steps / SV_STEPS_PER_INSTRUCTION);
    }
}

static inline void step(matcher *m) { take_steps(m, 1); }

/// What walking over a part of the pattern costs beside the step of its item: a set may be a megabyte long.
static inline void charge_walk(matcher *m, const char *from, const char *to) {
    take_steps(m, (uint32_t)((size_t)(to - from) / SV_SET_BYTES_PER_STEP));
}

// ---- Single characters ----

static int in_class(int c, int class) {
    int result;
    switch (tolower(class)) {
    case 'a': result = isalpha(c); break;
    case 'c': result = iscntrl(c); break;
    case 'd': result = isdigit(c); break;
    case 'g': result = isgraph(c); break;
    case 'l': result = islower(c); break;
    case 'p': result = ispunct(c); break;
    case 's': result = isspace(c); break;
    case 'u': result = isupper(c); break;
    case 'w': result = isalnum(c); break;
    case 'x': result = isxdigit(c); break;
    default: return class == c; // an escaped character stands for itself
    }
    return isupper(class) ? !result : result != 0;
}

/// Where the item that starts at `p` ends: after a character, an escape or a set.
static const char *item_end(matcher *m, const char *p) {
    char first = *p++;
    if (first == '%') {
        if (p == m->patternEnd) luaL_error(m->L, "malformed pattern (ends with '%%')");
        return p + 1;
    }
    if (first != '[') return p;
    const char *set = p;
    if (p < m->patternEnd && *p == '^') p++;
    int isFirst = 1; // a ']' right at the start belongs to the set
    while (p < m->patternEnd && (*p != ']' || isFirst)) {
        isFirst = 0;
        p += *p == '%' && p + 1 < m->patternEnd ? 2 : 1;
    }
    charge_walk(m, set, p);
    if (p == m->patternEnd) luaL_error(m->L, "malformed pattern (missing ']')");
    return p + 1;
}

/// `set` is at the '[', `last` at the closing ']'.
static int in_set(int c, const char *set, const char *last) {
    int found = 0;
    const char *p = set + 1;
    int isNegated = *p == '^';
    if (isNegated) p++;
    while (p < last && !found) {
        if (*p == '%') {
            found = in_class(c, (unsigned char)p[1]);
            p += 2;
        } else if (p[1] == '-' && p + 2 < last) {
            found = (unsigned char)p[0] <= c && c <= (unsigned char)p[2];
            p += 3;
        } else {
            found = (unsigned char)*p == c;
            p += 1;
        }
    }
    return found != isNegated;
}

static int item_matches(matcher *m, const char *s, const char *p, const char *end) {
    step(m);
    if (s >= m->subjectEnd) return 0;
    int c = (unsigned char)*s;
    switch (*p) {
    case '.': return 1;
    case '%': return in_class(c, (unsigned char)p[1]);
    case '[':
        charge_walk(m, p, end);
        return in_set(c, p, end - 1);
    default: return (unsigned char)*p == c;
    }
}

// ---- Sequences ----

static const char *match_rest(matcher *m, const char *s, const char *p);

static const char *match_deeper(matcher *m, const char *s, const char *p) {
    if (++m->depth > SV_PATTERN_DEPTH_MAX) luaL_error(m->L, "pattern too complex");
    const char *result = match_rest(m, s, p);
    m->depth -= 1;
    return result;
}

static const char *match_longest(matcher *m, const char *s, const char *p, const char *end) {
    const char *reach = s;
    while (item_matches(m, reach, p, end)) reach++;
    for (;; reach--) {
        const char *result = match_deeper(m, reach, end + 1);
        if (result) return result;
        if (reach == s) return NULL;
        step(m);
    }
}

static const char *match_shortest(matcher *m, const char *s, const char *p, const char *end) {
    for (;;) {
        const char *result = match_deeper(m, s, end + 1);
        if (result) return result;
        if (!item_matches(m, s, p, end)) return NULL;
        s++;
    }
}

static const char *open_capture(matcher *m, const char *s, const char *p, ptrdiff_t mark) {
    if (m->captureCount >= SV_CAPTURES_MAX) luaL_error(m->L, "too many captures");
    m->captures[m->captureCount].start = s;
    m->captures[m->captureCount].length = mark;
    m->captureCount += 1;
    const char *result = match_deeper(m, s, p);
    if (!result) m->captureCount -= 1;
    return result;
}

static const char *close_capture(matcher *m, const char *s, const char *p) {
    int index = m->captureCount - 1;
    while (index >= 0 && m->captures[index].length != SV_CAPTURE_OPEN) index--;
    if (index < 0) luaL_error(m->L, "invalid pattern capture");
    m->captures[index].length = s - m->captures[index].start;
    const char *result = match_deeper(m, s, p);
    if (!result) m->captures[index].length = SV_CAPTURE_OPEN;
    return result;
}

/// %b: from one delimiter to the one that balances it. `p` is at the two delimiters.
static const char *match_balanced(matcher *m, const char *s, const char *p) {
    if (m->patternEnd - p < 2) luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
    if (s >= m->subjectEnd || *s != p[0]) return NULL;
    size_t open = 1;
    for (s++; s < m->subjectEnd; s++) {
        step(m);
        if (*s == p[1]) {
            if (--open == 0) return s + 1;
        } else if (*s == p[0]) {
            open += 1;
        }
    }
    return NULL;
}

/// %f: the place where a set begins to hold. The end of the pattern item, or null.
static const char *match_frontier(matcher *m, const char *s, const char *p) {
    if (p >= m->patternEnd || *p != '[') luaL_error(m->L, "missing '[' after '%%f' in pattern");
    const char *end = item_end(m, p);
    int before = s == m->subject ? 0 : (unsigned char)s[-1];
    int here = s < m->subjectEnd ? (unsigned char)*s : 0;
    charge_walk(m, p, end);
    if (in_set(before, p, end - 1)) return NULL;
    charge_walk(m, p, end);
    return in_set(here, p, end - 1) ? end : NULL;
}

static const char *match_earlier_capture(matcher *m, const char *s, int digit) {
    int index = digit - '1';
    if (index < 0 || index >= m->captureCount || m->captures[index].length == SV_CAPTURE_OPEN)
        luaL_error(m->L, "invalid capture index %%%d", index + 1);
    ptrdiff_t length = m->captures[index].length;
    if (length == SV_CAPTURE_POSITION) luaL_error(m->L, "invalid capture index %%%d", index + 1);
    sv_charge_bytes(m->L, m->vm, (size_t)length);
    if (m->subjectEnd - s < length || memcmp(m->captures[index].start, s, (size_t)length) != 0) return NULL;
    return s + length;
}

/// The end of what matches pattern `p` from `s` on, or null.
static const char *match_rest(matcher *m, const char *s, const char *p) {
    while (p < m->patternEnd) {
        step(m);
        if (*p == '(') {
            int isPosition = p + 1 < m->patternEnd && p[1] == ')';
            return open_capture(m, s, p + 1 + isPosition, isPosition ? SV_CAPTURE_POSITION : SV_CAPTURE_OPEN);
        }
        if (*p == ')') return close_capture(m, s, p + 1);
        if (*p == '$' && p + 1 == m->patternEnd) return s == m->subjectEnd ? s : NULL;
        if (*p == '%' && p + 1 < m->patternEnd) {
            int escape = (unsigned char)p[1];
            if (escape == 'b') {
                if (!(s = match_balanced(m, s, p + 2))) return NULL;
                p += 4;
                continue;
            }
            if (escape == 'f') {
                if (!(p = match_frontier(m, s, p + 2))) return NULL;
                continue;
            }
            if (isdigit(escape)) {
                if (!(s = match_earlier_capture(m, s, escape))) return NULL;
                p += 2;
                continue;
            }
        }
        const char *end = item_end(m, p);
        char repeat = end < m->patternEnd ? *end : 0;
        switch (repeat) {
        case '*': return match_longest(m, s, p, end);
        case '-': return match_shortest(m, s, p, end);
        case '+': return item_matches(m, s, p, end) ? match_longest(m, s + 1, p, end) : NULL;
        case '?':
            if (item_matches(m, s, p, end)) {
                const char *result = match_deeper(m, s + 1, end + 1);
                if (result) return result;
            }
            p = end + 1;
            break;
        default:
            if (!item_matches(m, s, p, end)) return NULL;
            s++;
            p = end;
        }
    }
    return s;
}

// ---- Captures ----

/// Capture `index`; capture 0 of a pattern without any is the whole match.
static void push_capture(matcher *m, int index, const char *start, const char *end) {
    if (index >= m->captureCount) {
        if (index != 0) luaL_error(m->L, "invalid capture index %%%d", index + 1);
        lua_pushlstring(m->L, start, (size_t)(end - start));
        return;
    }
    const capture *c = &m->captures[index];
    if (c->length == SV_CAPTURE_OPEN) luaL_error(m->L, "unfinished capture");
    if (c->length == SV_CAPTURE_POSITION) lua_pushinteger(m->L, c->start - m->subject + 1);
    else lua_pushlstring(m->L, c->start, (size_t)c->length);
}

static int push_captures(matcher *m, const char *start, const char *end) {
    int count = m->captureCount == 0 && start ? 1 : m->captureCount;
    luaL_checkstack(m->L, count + 2, "too many captures");
    for (int index = 0; index < count; index++) push_capture(m, index, start, end);
    return count;
}

static const char *match_at(matcher *m, const char *s, const char *p) {
    m->captureCount = 0;
    m->depth = 0;
    return match_rest(m, s, p);
}

static void prepare(matcher *m, lua_State *L, const char *subject, size_t length, const char *patternEnd) {
    m->L = L;
    m->vm = sv_vm_of(L);
    m->subject = subject;
    m->subjectEnd = subject + length;
    m->patternEnd = patternEnd;
    m->steps = 0;
    m->depth = 0;
    m->captureCount = 0;
}

/// Offset from a position as scripts give it: from 1, negative from the end. May lie past the end.
static size_t start_offset(lua_Integer position, size_t length) {
    if (position > 0) return (size_t)position - 1;
    if (position == 0) return 0;
    if (position < -(lua_Integer)length) return 0;
    return length - (size_t)-position;
}

// ---- find and match ----

static int is_plain(const char *pattern, size_t length) {
    for (size_t index = 0; index < length; index++)
        if (pattern[index] && strchr("^$*+?.([%-", pattern[index])) return 0;
    return 1;
}

static int search(lua_State *L, int isFind) {
    size_t length, patternLength;
    const char *subject = luaL_checklstring(L, 1, &length);
    const char *pattern = luaL_checklstring(L, 2, &patternLength);
    size_t offset = start_offset(luaL_optinteger(L, 3, 1), length);
    if (offset > length) {
        lua_pushnil(L);
        return 1;
    }
    if (isFind) sv_charge_bytes(L, sv_vm_of(L), patternLength); // is_plain looks at all of it
    if (isFind && (lua_toboolean(L, 4) || is_plain(pattern, patternLength))) {
        sv_charge_bytes(L, sv_vm_of(L), length - offset + patternLength);
        // memmem takes linear time
        const char *found = patternLength ? memmem(subject + offset, length - offset, pattern, patternLength)
                                          : subject + offset;
        if (!found) {
            lua_pushnil(L);
            return 1;
        }
        lua_pushinteger(L, found - subject + 1);
        lua_pushinteger(L, found - subject + (ptrdiff_t)patternLength);
        return 2;
    }
    matcher m;
    prepare(&m, L, subject, length, pattern + patternLength);
    int isAnchored = patternLength > 0 && *pattern == '^';
    pattern += isAnchored;
    const char *s = subject + offset;
    do {
        const char *end = match_at(&m, s, pattern);
        if (!end) continue;
        if (!isFind) return push_captures(&m, s, end);
        lua_pushinteger(L, s - subject + 1);
        lua_pushinteger(L, end - subject);
        return push_captures(&m, NULL, NULL) + 2;
    } while (s++ < m.subjectEnd && !isAnchored);
    lua_pushnil(L);
    return 1;
}

static int find_pattern(lua_State *L) { return search(L, 1); }
static int match_pattern(lua_State *L) { return search(L, 0); }

// ---- gmatch ----

/// Upvalues: subject, pattern, offset to go on from, end of the last match or -1.
static int next_match(lua_State *L) {
    size_t length, patternLength;
    const char *subject = lua_tolstring(L, lua_upvalueindex(1), &length);
    const char *pattern = lua_tolstring(L, lua_upvalueindex(2), &patternLength);
    lua_Integer offset = lua_tointeger(L, lua_upvalueindex(3));
    lua_Integer lastEnd = lua_tointeger(L, lua_upvalueindex(4));
    matcher m;
    prepare(&m, L, subject, length, pattern + patternLength);
    sv_charge(L, m.vm, 1);
    for (; offset <= (lua_Integer)length; offset++) {
        const char *end = match_at(&m, subject + offset, pattern);
        if (!end || end - subject == lastEnd) continue;
        lua_pushinteger(L, end - subject);
        lua_copy(L, -1, lua_upvalueindex(3));
        lua_replace(L, lua_upvalueindex(4));
        return push_captures(&m, subject + offset, end);
    }
    lua_pushinteger(L, (lua_Integer)length + 1);
    lua_replace(L, lua_upvalueindex(3));
    return 0;
}

static int all_matches(lua_State *L) {
    size_t length;
    luaL_checklstring(L, 1, &length);
    luaL_checkstring(L, 2);
    size_t offset = start_offset(luaL_optinteger(L, 3, 1), length);
    if (offset > length) offset = length + 1;
    lua_settop(L, 2);
    lua_pushinteger(L, (lua_Integer)offset);
    lua_pushinteger(L, -1);
    lua_pushcclosure(L, next_match, 4);
    return 1;
}

// ---- gsub ----

static void add_template(matcher *m, luaL_Buffer *buffer, const char *start, const char *end) {
    size_t length;
    const char *template = lua_tolstring(m->L, 3, &length);
    const char *templateEnd = template + length;
    sv_charge_bytes(m->L, m->vm, length);
    while (template < templateEnd) {
        const char *escape = memchr(template, '%', (size_t)(templateEnd - template));
        luaL_addlstring(buffer, template, (size_t)((escape ? escape : templateEnd) - template));
        if (!escape) return;
        template = escape + 2;
        if (escape + 1 < templateEnd && escape[1] == '%') {
            luaL_addchar(buffer, '%');
        } else if (escape + 1 < templateEnd && isdigit((unsigned char)escape[1])) {
            if (escape[1] == '0') {
                luaL_addlstring(buffer, start, (size_t)(end - start));
            } else {
                push_capture(m, escape[1] - '1', start, end);
                luaL_tolstring(m->L, -1, NULL); // a position is a number
                lua_remove(m->L, -2);
                luaL_addvalue(buffer);
            }
        } else {
            luaL_error(m->L, "invalid use of '%%' in replacement string");
        }
    }
}

/// Adds the replacement of one match. Did it differ from keeping the match?
static void add_replacement(matcher *m, luaL_Buffer *buffer, int type, const char *start, const char *end) {
    lua_State *L = m->L;
    if (type == LUA_TFUNCTION) {
        lua_pushvalue(L, 3);
        int count = push_captures(m, start, end);
        lua_call(L, count, 1);
    } else if (type == LUA_TTABLE) {
        push_capture(m, 0, start, end);
        lua_gettable(L, 3);
    } else {
        add_template(m, buffer, start, end);
        return;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(buffer, start, (size_t)(end - start));
        return;
    }
    if (!lua_isstring(L, -1)) luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    luaL_addvalue(buffer);
}

static int substitute(lua_State *L) {
    size_t length, patternLength;
    const char *subject = luaL_checklstring(L, 1, &length);
    const char *pattern = luaL_checklstring(L, 2, &patternLength);
    int type = lua_type(L, 3);
    lua_Integer limit = luaL_optinteger(L, 4, (lua_Integer)length + 1);
    luaL_argexpected(L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
                     "string/function/table");
    int isAnchored = patternLength > 0 && *pattern == '^';
    matcher m;
    luaL_Buffer buffer;
    prepare(&m, L, subject, length, pattern + patternLength);
    pattern += isAnchored;
    luaL_buffinit(L, &buffer);
    const char *s = subject, *lastEnd = NULL;
    lua_Integer count = 0;
    while (count < limit) {
        const char *end = match_at(&m, s, pattern);
        if (end && end != lastEnd) {
            count += 1;
            add_replacement(&m, &buffer, type, s, end);
            s = lastEnd = end;
        } else if (s < m.subjectEnd) {
            luaL_addchar(&buffer, *s);
            s++;
        } else {
            break;
        }
        if (isAnchored) break;
    }
    luaL_addlstring(&buffer, s, (size_t)(m.subjectEnd - s));
    luaL_pushresult(&buffer);
    lua_pushinteger(L, count);
    return 2;
}

void sv_open_patterns(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"find", find_pattern}, {"match", match_pattern}, {"gmatch", all_matches}, {"gsub", substitute}, {NULL, NULL},
    };
    lua_getglobal(L, "string");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
