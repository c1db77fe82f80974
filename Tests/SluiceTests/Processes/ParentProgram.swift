import Foundation

/// Runs of the program `process-parent`, in a process group of its own.
enum Parent {
  struct Ended {
    var lines: [String]
    /// The signal that ended it, or 0.
    var signal: Int32
    var group: Int32
  }

  struct NotStarted: Error { let errno: Int32 }

  /// Beside the program that runs the tests.
  private static let program: String = {
    let folder = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: folder).deletingLastPathComponent().appendingPathComponent("process-parent")
      .path
  }()

  /// Starts the program, with its output going to the pipe.
  static func start(_ arguments: [String]) throws -> (pid: Int32, output: FileHandle) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw NotStarted(errno: errno) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[1]) }
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    posix_spawnattr_setpgroup(&attributes, 0)
    let list = ([program] + arguments).map { strdup($0) }
    defer { for text in list { free(text) } }
    var pid: Int32 = 0
    let error = posix_spawn(&pid, program, &actions, &attributes, list + [nil], environ)
    guard error == 0 else { throw NotStarted(errno: error) }
    return (pid, FileHandle(fileDescriptor: ends[0], closeOnDealloc: true))
  }

  static func wait(_ pid: Int32) -> Int32 {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    return status & 0x7f
  }

  static func run(items: Int, workers: Int, crashAt point: Int) async throws -> Ended {
    try await onThread {
      let (pid, output) = try start(["\(items)", "\(workers)", "\(point)"])
      // Until the last process that has it is gone, the workers too.
      let data = try output.readToEnd() ?? Data()
      let signal = wait(pid)
      let lines = String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
      return Ended(lines: lines, signal: signal, group: pid)
    }
  }

  /// The processes of the group that have not ended; one that waits to be reaped by the system has.
  static func livingProcesses(ofGroup group: Int32) -> [Int32] {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap { Int32($0) } ?? []
    return all.filter { pid in
      let text = textOfFile("/proc/\(pid)/stat")
      guard let end = text.lastIndex(of: ")") else { return false }
      let fields = text[text.index(after: end)...].split(separator: " ")
      return fields.count > 2 && fields[0] != "Z" && fields[0] != "X" && Int32(fields[2]) == group
    }
  }
}
