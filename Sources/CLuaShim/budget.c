// Budgets of a handler: instructions, running time, memory. Three places look at them: the count hook,
// C functions that charge their work, and the allocator. Exceeding one marks the run as killed; from
// then on everything that catches errors raises again, and every instruction raises as well.
#include <time.h>

#include "internal.h"

static uint64_t clock_now(sv_vm *vm) {
    if (vm->configuration.clock) return vm->configuration.clock(vm->configuration.context);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/// The count hook of a thread, and that of its lines where they are recorded.
static void set_hook(lua_State *L, int instructions) {
    int lines = sv_vm_of(L)->lineRecordCount ? LUA_MASKLINE : 0;
    lua_sethook(L, sv_hook, LUA_MASKCOUNT | lines, instructions);
}

/// Starts the clock at the first look, so that a handler that ends before one never reads it.
static int is_past_deadline(sv_run *run, uint64_t now) {
    if (!run->clockStarted) {
        run->clockStarted = 1;
        run->deadline = now + run->nanosecondsLeft < now ? UINT64_MAX : now + run->nanosecondsLeft;
        run->lastTick = now;
    }
    return now >= run->deadline;
}

/// Takes the debt from the budgets. The reason to kill the run, or SV_KILL_NONE.
static uint8_t settle(lua_State *L, sv_vm *vm) {
    sv_run *run = vm->run;
    uint64_t debt = vm->debt;
    vm->debt = 0;
    if (!run) return SV_KILL_NONE;
    if (run->killed) return run->killed;
    if (run->pendingKill) return run->pendingKill;
    if (run->instructionsLeft < 0 || debt > (uint64_t)run->instructionsLeft) return SV_KILL_INSTRUCTIONS;
    run->instructionsLeft -= (int64_t)debt;
    uint64_t now = clock_now(vm);
    if (is_past_deadline(run, now)) return SV_KILL_TIME;
    if (now - run->lastTick > SV_SLOW_TICK_NANOSECONDS && lua_gethookcount(L) == SV_TICK_INSTRUCTIONS)
        set_hook(L, SV_SLOW_TICK_INSTRUCTIONS);
    run->lastTick = now;
    return SV_KILL_NONE;
}

void sv_settle(lua_State *L, sv_vm *vm) {
    uint8_t reason = settle(L, vm);
    if (reason) sv_kill(L, vm, reason);
}

void sv_hook(lua_State *L, lua_Debug *record) {
    sv_vm *vm = sv_vm_of(L);
    if (record->event == LUA_HOOKLINE) {
        sv_note_line(L, vm, record);
        return;
    }
    vm->debt += (uint64_t)lua_gethookcount(L);
    uint8_t reason = settle(L, vm);
    if (!reason) return;
    // An error out of a hook leaves hooks switched off for this thread unless a pcall on it restores
    // them; nobody can tell afterwards, so the thread is marked and never runs again once it is dead.
    *(uintptr_t *)lua_getextraspace(L) |= 1;
    sv_kill(L, vm, reason);
}

void sv_install_hook(lua_State *L) { set_hook(L, SV_TICK_INSTRUCTIONS); }

void sv_kill(lua_State *L, sv_vm *vm, uint8_t reason) {
    sv_run *run = vm->run;
    if (run && !run->killed) {
        run->killed = reason;
        sv_capture_traceback(vm, L);
    }
    // While the error unwinds, Lua calls __close metamethods. With a hook on every instruction they end
    // at their first one; otherwise each could make more of them, and killing would never come to an end.
    lua_sethook(L, sv_hook, LUA_MASKCOUNT, 1);
    lua_pushlightuserdata(L, NULL);
    lua_error(L);
    abort(); // lua_error does not return
}

void sv_check_killed(lua_State *L, sv_vm *vm, int status) {
    sv_run *run = vm->run;
    if (!run) return;
    if (run->killed) sv_kill(L, vm, run->killed);
    // Running out of memory ends the handler: a script that could go on from there would do so at
    // the limit, with a full collection at every step.
    if (status == LUA_ERRMEM) sv_kill(L, vm, run->pendingKill ? run->pendingKill : SV_KILL_MEMORY);
}

void sv_begin_segment(sv_vm *vm, sv_run *run) { run->bytesAtSegment = vm->bytesUsed; }

/// Stops the clock of a run that begins to wait.
void sv_end_segment(sv_vm *vm, sv_run *run) {
    run->bytesGrown += (ptrdiff_t)vm->bytesUsed - (ptrdiff_t)run->bytesAtSegment;
    if (!run->clockStarted) return;
    uint64_t now = clock_now(vm);
    run->nanosecondsLeft = run->deadline > now ? run->deadline - now : 1;
    run->clockStarted = 0;
}

/// Called when an allocation is refused. Lua answers with a full collection and a second try, so too
/// many refusals in one run end it, as does the time that the collections took.
static void note_refusal(sv_vm *vm, sv_run *run) {
    run->emergencies += 1;
    if (run->emergencies > SV_EMERGENCY_COLLECTIONS_MAX)
        run->pendingKill = SV_KILL_MEMORY;
    else if (is_past_deadline(run, clock_now(vm)))
        run->pendingKill = SV_KILL_TIME;
}

/// May the VM grow by `growth` bytes for a block of `size` bytes?
static int admits(sv_vm *vm, int isString, size_t size, size_t growth) {
    const sv_limits *limits = &vm->configuration.limits;
    sv_run *run = vm->run;
    if (run && run->pendingKill) return 0;
    int fits = growth <= limits->vmBytesMax && vm->bytesUsed <= limits->vmBytesMax - growth;
    // 64 bytes for the header of a string object.
    if (isString && size > limits->stringBytesMax + 64) fits = 0;
    if (!run) return fits;
    ptrdiff_t grown = run->bytesGrown + ((ptrdiff_t)vm->bytesUsed - (ptrdiff_t)run->bytesAtSegment);
    if (fits && grown + (ptrdiff_t)growth > (ptrdiff_t)run->bytesMax) fits = 0;
    if (!fits) {
        note_refusal(vm, run);
        return 0;
    }
    // Building big blocks costs time that the instruction count does not see. The allocator cannot
    // raise, but it can refuse.
    vm->debt += growth / SV_BYTES_PER_INSTRUCTION;
    if (vm->debt >= 64 * SV_TICK_INSTRUCTIONS) {
        if (run->instructionsLeft < 0 || vm->debt > (uint64_t)run->instructionsLeft)
            run->pendingKill = SV_KILL_INSTRUCTIONS;
        else if (is_past_deadline(run, clock_now(vm)))
            run->pendingKill = SV_KILL_TIME;
        else {
            run->instructionsLeft -= (int64_t)vm->debt;
            vm->debt = 0;
        }
        if (run->pendingKill) return 0;
    }
    return 1;
}

/// Growth is measured from the lowest point of the run: when the collector frees garbage of earlier handlers,
/// the running one must not inherit the room.
static void note_release(sv_vm *vm) {
    if (vm->run && vm->bytesUsed < vm->run->bytesAtSegment) vm->run->bytesAtSegment = vm->bytesUsed;
}

void *sv_allocate(void *context, void *block, size_t oldSize, size_t newSize) {
    sv_vm *vm = context;
    size_t held = block ? oldSize : 0; // without a block the old size is the type of the new object
    if (newSize == 0) {
        free(block);
        vm->bytesUsed -= held;
        note_release(vm);
        return NULL;
    }
    if (newSize > held && !admits(vm, !block && oldSize == LUA_TSTRING, newSize, newSize - held)) return NULL;
    void *moved = realloc(block, newSize);
    if (!moved) return newSize <= held ? block : NULL; // Lua relies on shrinking to succeed
    vm->bytesUsed = vm->bytesUsed - held + newSize;
    if (newSize < held) note_release(vm);
    return moved;
}
