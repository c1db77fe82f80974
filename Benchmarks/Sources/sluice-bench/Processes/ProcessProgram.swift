import Foundation

/// A program that measures an exchange with worker processes: one in C++ or Python, or this one again, for
/// the library.
struct ProcessProgram {
  let process: PeerProcess
  let isOurs: Bool

  /// One way of exchanging, as the program's `--list` describes it.
  struct Variant: Codable {
    let name: String
    let measures: [String]
  }

  /// What a run says.
  struct Answer: Codable {
    let name: String
    let measure: String
    let bytes: Int
    let items: Int
    /// For a stream.
    let seconds: Double
    let ok: Bool
    /// Nanoseconds of each call, for everything else.
    let times: [UInt64]
  }

  func variants() throws -> [Variant] {
    guard let text = try process.output(["--list"], limit: 20) else {
      throw process.failure("does not list its variants")
    }
    return try text.split(separator: "\n").map {
      try JSONDecoder().decode(Variant.self, from: Data($0.utf8))
    }
  }

  /// One run in a process of its own; nil if it took longer than the limit, and was ended.
  func run(_ variant: Variant, _ row: ProcessRow, items: Int, limit: Double) throws -> Answer? {
    let arguments = [
      "--variant", variant.name, "--measure", row.measure.rawValue, "--bytes", "\(row.bytes)",
      "--items", "\(items)", "--throttle", "\(processThrottle)", "--pause", "\(row.pauseMicroseconds)",
    ]
    guard let text = try process.output(arguments, limit: limit) else { return nil }
    guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(text.utf8)) else {
      throw process.failure("gave no answer to \(arguments.joined(separator: " ")), but '\(text)'")
    }
    guard answer.ok, answer.items == items, row.measure == .stream || answer.times.count == items else {
      throw process.failure("computed something wrong: \(text.prefix(300))")
    }
    return answer
  }
}

extension ProcessProgram {
  private static let peers = [
    "kernel_ipc", "boost_interprocess", "python_multiprocessing", "faster_fifo_queue", "pyper_pipeline",
  ]

  /// Builds what is not up to date, and gives those that could be built; what the others need is in
  /// `missing`.
  static func all(in folder: String?) throws -> (programs: [ProcessProgram], missing: [String]) {
    let out = PeerProcess.builtFolder(folder).appendingPathComponent("processes", isDirectory: true)
    try PeerProcess.build("processes/build.sh", into: out)
    let ours = PeerProcess(
      name: "Sluice", executable: try PeerProcess.thisProgram(),
      prefix: [ProcessRunCommand.configuration.commandName ?? ""])
    var programs = [ProcessProgram(process: ours, isOurs: true)]
    var missing: [String] = []
    for peer in peers {
      let executable = out.appendingPathComponent(peer)
      if let package = PeerProcess.missingPackage(of: executable) {
        missing.append("\(peer): not installed; it needs the package \(package)")
      } else {
        programs.append(
          ProcessProgram(process: PeerProcess(name: peer, executable: executable), isOurs: false))
      }
    }
    return (programs, missing)
  }
}
