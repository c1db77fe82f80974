import CSluice

/// A place where a process may be killed to see that nothing is lost by it: after each store to shared memory and
/// each system call of the protocol. Only in debug builds; elsewhere it is nothing.
@inlinable @inline(__always)
func crashPoint() {
  #if DEBUG
    passCrashPoint()
  #endif
}

#if DEBUG
  @usableFromInline
  func passCrashPoint() { sl_crash_point() }
#endif
