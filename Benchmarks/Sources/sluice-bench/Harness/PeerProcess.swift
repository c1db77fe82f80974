import Foundation

/// A program that measures something and says so on standard output.
struct PeerProcess {
  let name: String
  let executable: URL
  /// What stands before the options.
  var prefix: [String] = []

  /// What it wrote; nil if it did not end within `limit` seconds.
  ///
  /// - Throws: if it ended otherwise than with status 0 or 1, which comes with an answer that says what is wrong.
  func output(_ arguments: [String], limit: Double) throws -> String? {
    let process = Process()
    let output = Pipe()
    process.executableURL = executable
    process.arguments = prefix + arguments
    process.standardOutput = output
    try process.run()
    let id = process.processIdentifier
    // Its children stand in its process group, if it has one of its own.
    let group = getpgid(id) == id ? -id : id
    let watchdog = DispatchSource.makeTimerSource()
    watchdog.schedule(deadline: .now() + limit)
    watchdog.setEventHandler { kill(group, SIGKILL) }
    watchdog.resume()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    // No kill once the process is waited for: its number may then be another's.
    watchdog.cancel()
    process.waitUntilExit()
    if process.terminationReason == .uncaughtSignal, process.terminationStatus == SIGKILL { return nil }
    guard process.terminationReason == .exit, process.terminationStatus <= 1 else {
      throw failure("ended with status \(process.terminationStatus): \(arguments.joined(separator: " "))")
    }
    return text
  }

  func failure(_ text: String) -> PeerFailed { PeerFailed(program: name, text: text) }

  /// This program again.
  static func thisProgram() throws -> URL {
    URL(fileURLWithPath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
  }

  /// The folder of the peers' sources.
  static let sources = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().appendingPathComponent("../../../peers").standardized

  static let products = sources.deletingLastPathComponent().appendingPathComponent(
    ".build", isDirectory: true)

  /// Where the peers are built: the folder that was asked for, or else one beside what SwiftPM builds.
  static func builtFolder(_ folder: String?) -> URL {
    folder.map { URL(fileURLWithPath: $0, isDirectory: true) }
      ?? products.appendingPathComponent("peers", isDirectory: true)
  }

  /// Has a script in `sources` build what is not up to date into `out`.
  static func build(_ script: String, into out: URL) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = [sources.appendingPathComponent(script).path, out.path]
    process.standardOutput = FileHandle.standardError
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw PeerFailed(program: script, text: "failed: see above")
    }
  }

  /// The package that a program needs which could not be built; nil if it was.
  static func missingPackage(of program: URL) -> String? {
    let note = try? String(contentsOf: program.appendingPathExtension("missing"), encoding: .utf8)
    return note?.split(separator: "\n").first.map(String.init)
  }
}

struct PeerFailed: Error, CustomStringConvertible {
  let program: String
  let text: String

  var description: String { "the program \(program) \(text)" }
}
