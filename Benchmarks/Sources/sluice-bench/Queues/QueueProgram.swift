import Foundation

/// A program that measures queues: one in C++ or Rust, or this one again, for the Swift types.
struct QueueProgram {
  let process: PeerProcess
  let isOurs: Bool

  var name: String { process.name }

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
    guard let text = try process.output(["--list"], limit: 10) else {
      throw process.failure("does not list its queues")
    }
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
    guard let text = try process.output(arguments, limit: limit) else { return .tooLong }
    let answer = try JSONDecoder().decode(Answer.self, from: Data(text.utf8))
    guard answer.ok, answer.elements == elements else {
      throw process.failure("lost or doubled elements: \(text)")
    }
    return .answer(answer)
  }
}

extension QueueProgram {
  private static let peers = [
    "atomic_queue", "boost_lockfree", "ck_ring", "crossbeam", "moodycamel", "tbb", "xenium",
  ]

  /// Builds what is not up to date, and gives those that could be built; what the others need is in
  /// `missing`.
  static func all(in folder: String?) throws -> (programs: [QueueProgram], missing: [String]) {
    let out = PeerProcess.builtFolder(folder)
    try PeerProcess.build("build.sh", into: out)
    let swift = PeerProcess(
      name: "Sluice", executable: try PeerProcess.thisProgram(),
      prefix: [SwiftQueueCommand.configuration.commandName ?? ""])
    let core = PeerProcess(name: "sluice", executable: out.appendingPathComponent("sluice"))
    var programs = [swift, core].map { QueueProgram(process: $0, isOurs: true) }
    var missing: [String] = []
    for peer in peers {
      let executable = out.appendingPathComponent(peer)
      if let package = PeerProcess.missingPackage(of: executable) {
        missing.append("\(peer): not installed; it needs the package \(package)")
      } else {
        programs.append(
          QueueProgram(process: PeerProcess(name: peer, executable: executable), isOurs: false))
      }
    }
    return (programs, missing)
  }
}
