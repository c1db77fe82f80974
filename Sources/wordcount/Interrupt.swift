import Dispatch
import Glibc

/// Runs a closure at the first SIGINT (Ctrl-C); the second one ends the process at once.
enum Interrupt {
  /// The end of a pipe that the signal handler writes to.
  nonisolated(unsafe) private static var writeEnd: CInt = -1

  /// To be called once. A process that was started with SIGINT ignored, as shells start background jobs,
  /// obeys it from here on: whoever sends it to this process means it.
  static func onFirst(_ action: @escaping @Sendable () -> Void) {
    var ends: [CInt] = [-1, -1]
    guard pipe(&ends) == 0 else { return }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let readEnd = ends[0]
    writeEnd = ends[1]
    DispatchQueue(label: "interrupt").async {
      var byte: UInt8 = 0
      var count = read(readEnd, &byte, 1)
      while count < 0 && errno == EINTR { count = read(readEnd, &byte, 1) }
      if count == 1 { action() }
    }

    // Only `write` is called in the handler, which is allowed there. The reset gives the second signal
    // its default meaning, also if the action above should hang.
    var handler = sigaction()
    handler.__sigaction_handler.sa_handler = { _ in
      let saved = errno
      var byte: UInt8 = 1
      _ = write(Interrupt.writeEnd, &byte, 1)
      errno = saved
    }
    handler.sa_flags = CInt(SA_RESTART) | CInt(truncatingIfNeeded: SA_RESETHAND)
    sigaction(SIGINT, &handler, nil)
  }
}
