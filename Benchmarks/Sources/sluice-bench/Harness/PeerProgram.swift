import Foundation

/// One thing that a program measures, as its `--list` describes it.
protocol PeerVariant: Codable, Sendable {
  var name: String { get }
  /// Only for what is not its program's.
  var role: Role? { get }
}

extension PeerVariant {
  var role: Role? { nil }
}

/// What a figure is in its row.
enum Role: String, Codable {
  case ours
  case peer
  /// What nobody can be better than.
  case limit
}

/// What a run says, in one line of JSON.
struct PeerAnswer: Codable {
  let name: String
  /// The peers of queues call them elements.
  private let items: Int?
  private var elements: Int?
  let seconds: Double
  let ok: Bool
  /// Nanoseconds of each call.
  private let times: [UInt64]?
  /// The most memory that the process has had.
  private(set) var peakKiB: Int?

  var count: Int { items ?? elements ?? 0 }
  var calls: [UInt64] { times ?? [] }

  init(name: String, items: Int, seconds: Double, ok: Bool, times: [UInt64] = []) {
    self.name = name
    self.items = items
    self.seconds = seconds
    self.ok = ok
    self.times = times
  }

  /// Writes this, with what it took to get there, to standard output.
  func write() throws {
    var answer = self
    answer.peakKiB = peakMemoryKiB()
    print(String(decoding: try JSONEncoder().encode(answer), as: UTF8.self))
  }
}

/// The programs that measure the same.
struct PeerFamily {
  /// Beneath the folder of all peers, and of what is built of them.
  let folder: String
  /// The subcommand of this program that measures ours.
  let command: String
  /// Built programs that are ours, too.
  var ours: [String] = []
  let peers: [String]
}

/// A program that measures variants of something: one in another language, or this one again.
struct PeerProgram<Variant: PeerVariant> {
  let process: PeerProcess
  let isOurs: Bool

  func variants() throws -> [Variant] {
    guard let text = try process.output(["--list"], limit: 20) else {
      throw process.failure("does not list its variants")
    }
    return try text.split(separator: "\n").map {
      try JSONDecoder().decode(Variant.self, from: Data($0.utf8))
    }
  }

  /// One run in a process of its own; nil if it took longer than the limit, and was ended.
  func run(_ arguments: [String], limit: Double) throws -> PeerAnswer? {
    guard let text = try process.output(arguments, limit: limit) else { return nil }
    guard let answer = try? JSONDecoder().decode(PeerAnswer.self, from: Data(text.utf8)) else {
      throw process.failure("gave no answer to \(arguments.joined(separator: " ")), but '\(text)'")
    }
    return answer
  }

  /// Builds what is not up to date, and gives those that could be built; what the others need is in
  /// `missing`.
  static func all(_ family: PeerFamily, in folder: String?) throws -> (programs: [Self], missing: [String]) {
    var out = PeerProcess.builtFolder(folder)
    if !family.folder.isEmpty { out.appendPathComponent(family.folder, isDirectory: true) }
    let script = family.folder.isEmpty ? "build.sh" : "\(family.folder)/build.sh"
    try PeerProcess.build(script, into: out)
    func built(_ name: String) -> PeerProcess {
      PeerProcess(name: name, executable: out.appendingPathComponent(name))
    }
    let this = PeerProcess(
      name: "Sluice", executable: try PeerProcess.thisProgram(), prefix: [family.command])
    var programs = ([this] + family.ours.map(built)).map { Self(process: $0, isOurs: true) }
    var missing: [String] = []
    for peer in family.peers.map(built) {
      if let package = PeerProcess.missingPackage(of: peer.executable) {
        missing.append("\(peer.name): not installed; it needs the package \(package)")
      } else {
        programs.append(Self(process: peer, isOurs: false))
      }
    }
    return (programs, missing)
  }
}
