import Foundation

/// A program that measures queues: one in C++ or Rust, or this one again, for the Swift types.
struct QueueProgram {
  let name: String
  let isOurs: Bool
  let executable: URL
  /// What stands before the options.
  let prefix: [String]

  /// What a run says.
  struct Answer: Decodable {
    let elements: Int
    let seconds: Double
    let ok: Bool
  }

  enum Ending {
    case answer(Answer)
    /// It took longer than the limit, and was ended.
    case tooLong
  }

  func variants() throws -> [QueueVariant] {
    guard let text = try start(["--list"], limit: 10) else { throw failure("does not list its queues") }
    return try text.split(separator: "\n").map {
      try JSONDecoder().decode(QueueVariant.self, from: Data($0.utf8))
    }
  }

  /// One run in a process of its own.
  func run(_ variant: QueueVariant, _ row: QueueRow, elements: Int, limit: Double) throws -> Ending {
    let arguments = [
      "--variant", variant.name, "--producers", "\(row.producers)", "--consumers", "\(row.consumers)",
      "--capacity", "\(queueCapacity)", "--elements", "\(elements)", "--batch", "\(row.batch)",
    ]
    guard let text = try start(arguments, limit: limit) else { return .tooLong }
    let answer = try JSONDecoder().decode(Answer.self, from: Data(text.utf8))
    guard answer.ok, answer.elements == elements else {
      throw failure("lost or doubled elements: \(text)")
    }
    return .answer(answer)
  }

  /// What it wrote; nil if it did not end within `limit` seconds.
  private func start(_ arguments: [String], limit: Double) throws -> String? {
    let process = Process()
    let output = Pipe()
    process.executableURL = executable
    process.arguments = prefix + arguments
    process.standardOutput = output
    try process.run()
    let id = process.processIdentifier
    let watchdog = DispatchSource.makeTimerSource()
    watchdog.schedule(deadline: .now() + limit)
    watchdog.setEventHandler { kill(id, SIGKILL) }
    watchdog.resume()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    // No kill once the process is waited for: its number may then be another's.
    watchdog.cancel()
    process.waitUntilExit()
    if process.terminationReason == .uncaughtSignal, process.terminationStatus == SIGKILL { return nil }
    // Status 1 comes with an answer that says what is wrong.
    guard process.terminationReason == .exit, process.terminationStatus <= 1 else {
      throw failure("ended with status \(process.terminationStatus): \(arguments.joined(separator: " "))")
    }
    return text
  }

  private func failure(_ text: String) -> QueueProgramFailed { QueueProgramFailed(program: name, text: text) }
}

struct QueueProgramFailed: Error, CustomStringConvertible {
  let program: String
  let text: String

  var description: String { "the queue program \(program) \(text)" }
}

extension QueueProgram {
  /// The folder of their sources, and in it the script that builds them.
  private static let sources = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().appendingPathComponent("../../../peers").standardized

  private static let peers = [
    "atomic_queue", "boost_lockfree", "ck_ring", "crossbeam", "moodycamel", "tbb", "xenium",
  ]

  /// Builds what is not up to date, and gives those that could be built; what the others need is in
  /// `missing`.
  static func all(in folder: String?) throws -> (programs: [QueueProgram], missing: [String]) {
    let out =
      folder.map { URL(fileURLWithPath: $0, isDirectory: true) }
      ?? sources.deletingLastPathComponent().appendingPathComponent(".build/peers", isDirectory: true)
    try build(into: out)
    var programs = [
      QueueProgram(
        name: "Sluice", isOurs: true, executable: try thisProgram(),
        prefix: [SwiftQueueCommand.configuration.commandName ?? ""]),
      QueueProgram(
        name: "sluice", isOurs: true, executable: out.appendingPathComponent("sluice"), prefix: []),
    ]
    var missing: [String] = []
    for peer in peers {
      let executable = out.appendingPathComponent(peer)
      if let package = try? String(contentsOf: executable.appendingPathExtension("missing"), encoding: .utf8)
      {
        missing.append("\(peer): not installed; it needs the package \(package.split(separator: "\n")[0])")
      } else {
        programs.append(QueueProgram(name: peer, isOurs: false, executable: executable, prefix: []))
      }
    }
    return (programs, missing)
  }

  private static func thisProgram() throws -> URL {
    URL(fileURLWithPath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
  }

  private static func build(into out: URL) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = [sources.appendingPathComponent("build.sh").path, out.path]
    process.standardOutput = FileHandle.standardError
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw QueueProgramFailed(program: "build", text: "failed: see above")
    }
  }
}
