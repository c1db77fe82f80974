import CSluice
import Glibc

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

  /// What a test asks of workers: `SLUICE_CRASH=N:path` ends the first one, which is the one that makes the file, at its
  /// crash point number N; with N = 0 it ends as usual, and writes into the file how many points it has passed.
  struct CrashRequest {
    private let point: UInt64
    private let file: Int32

    /// Nil: nothing is asked of this process.
    init?() {
      guard let text = getenv("SLUICE_CRASH").map({ String(cString: $0) }),
        let colon = text.firstIndex(of: ":"), let point = UInt64(text[..<colon])
      else { return nil }
      file = open(String(text[text.index(after: colon)...]), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
      guard file >= 0 else { return nil }
      self.point = point
    }

    func arm() { sl_crash_at(point) }

    func reportEnd() {
      guard point == 0 else { return }
      let text = "\(sl_crash_points_passed())"
      _ = text.withCString { write(file, $0, strlen($0)) }
    }
  }
#endif
