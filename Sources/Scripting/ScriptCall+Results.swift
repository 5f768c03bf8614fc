internal import CLuaShim

extension ScriptCall {
    @inline(__always) func add(_ value: sv_value) {
        let count = Int(raw.pointee.resultCount)
        precondition(count < Int(SV_RESULTS_MAX), "a binding returns too many values")
        withUnsafeMutablePointer(to: &raw.pointee.results) { tuple in
            let results = UnsafeMutableRawPointer(tuple).assumingMemoryBound(to: sv_value.self)
            results[count] = value
        }
        raw.pointee.resultCount = Int32(count + 1)
    }

    // Each of these adds one value to what the call returns.

    @discardableResult public func returnNull() -> BindingOutcome {
        add(.null)
        return .done
    }

    @discardableResult public func returnBoolean(_ flag: Bool) -> BindingOutcome {
        add(.boolean(flag))
        return .done
    }

    @discardableResult public func returnInteger(_ integer: Int) -> BindingOutcome {
        add(.integer(Int64(integer)))
        return .done
    }

    @discardableResult public func returnNumber(_ number: Double) -> BindingOutcome {
        add(.number(number))
        return .done
    }

    /// `bytes` must live until the next call into Swift: a received message does, a temporary does not.
    @discardableResult public func returnBytes(_ bytes: UnsafeRawBufferPointer) -> BindingOutcome {
        add(.bytes(bytes))
        return .done
    }

    @discardableResult public func returnLiteral(_ text: StaticString) -> BindingOutcome {
        add(.bytes(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)))
        return .done
    }

    /// Copies the text.
    @discardableResult public func returnString(_ text: String) -> BindingOutcome {
        add(.bytes(context.pointee.arena.bytes(of: text)))
        return .done
    }

    /// Memory for bytes to return, valid until the next call.
    public func scratch(byteCount: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: context.pointee.arena.allocate(byteCount: byteCount), count: byteCount)
    }

    @discardableResult public func returnValue(_ value: ScriptValue) -> BindingOutcome {
        add(context.pointee.arena.lower(value))
        return .done
    }

    /// A list of `count` strings.
    @discardableResult public func returnList(
        _ count: Int, _ element: (Int) -> UnsafeRawBufferPointer
    ) -> BindingOutcome {
        let items = context.pointee.arena.values(count)
        for index in 0..<count { items[index] = .bytes(element(index)) }
        add(.table(SV_LIST, items, count: count))
        return .done
    }

    /// The object the call is made on, for chaining.
    @discardableResult public func returnSelf() -> BindingOutcome {
        var value = sv_value()
        value.type = UInt8(SV_SELF)
        add(value)
        return .done
    }

    /// A part of the object the call is made on (`req.uri`): the same handle, seen as another kind. Costs nothing.
    @discardableResult public func returnPart(kind: UInt8, part: UInt8 = 0) -> BindingOutcome {
        var value = sv_value()
        value.type = UInt8(SV_PART)
        value.kind = kind
        value.part = UInt16(part)
        add(value)
        return .done
    }

    /// Another object; it ends with the handler.
    @discardableResult public func returnObject(kind: UInt8, part: UInt8 = 0, handle: UInt64) -> BindingOutcome {
        add(.object(kind: kind, part: part, handle: handle))
        return .done
    }
}

/// Every call from Lua arrives here. No Lua function is called from inside, so no Lua error can pass over it.
func dispatchCall(_ raw: UnsafeMutablePointer<sv_call>?) -> Int32 {
    let raw = raw!
    let context = raw.pointee.context.assumingMemoryBound(to: ScriptContext.self)
    let identifier = raw.pointee.identifier
    context.pointee.arena.reset()
    guard identifier < context.pointee.bodyCount else {
        return dispatchEvent(raw, context)
    }
    do throws(ScriptFailure) {
        let call = ScriptCall(raw: raw, context: context)
        switch try context.pointee.bodies[Int(identifier)].run(call) {
        case .done: return Int32(SV_STATUS_OK)
        case .wait: return Int32(SV_STATUS_WAIT)
        }
    } catch {
        let message = context.pointee.arena.bytes(of: error.message)
        raw.pointee.resultCount = 0
        ScriptCall(raw: raw, context: context).add(.bytes(message))
        return Int32(SV_STATUS_ERROR)
    }
}

private func dispatchEvent(
    _ raw: UnsafeMutablePointer<sv_call>, _ context: UnsafeMutablePointer<ScriptContext>
) -> Int32 {
    let text = raw.pointee.arguments[0].buffer
    switch raw.pointee.identifier {
    case 0xFFFF_FFFE: context.pointee.events.printed?(text)  // SV_ID_PRINT
    case 0xFFFF_FFFD: context.pointee.events.globalWritten?(text)  // SV_ID_GLOBAL_WRITTEN
    default: preconditionFailure("the shim calls a binding that does not exist")
    }
    return Int32(SV_STATUS_OK)
}

func readClock(_ raw: UnsafeMutableRawPointer?) -> UInt64 {
    raw!.assumingMemoryBound(to: ScriptContext.self).pointee.clock?() ?? 0
}
