import Foundation

/// Where and when something was measured.
struct Machine: Codable, Sendable {
  let cpu: String
  let cores: Int
  let kernel: String
  let swift: String
  /// What of the repository was measured; "-dirty" if it was changed.
  let commit: String
  let date: String
  /// Processes that wanted a core during the last minute, before this program began.
  let load: Double

  init() {
    cpu = Self.cpuModel()
    cores = ProcessInfo.processInfo.activeProcessorCount
    kernel = Self.kernelName()
    swift = Self.firstLine("swift", ["--version"]) ?? "unknown Swift"
    commit = Self.commitName()
    date = Date.now.ISO8601Format()
    var loads = [0.0]
    load = getloadavg(&loads, 1) == 1 ? loads[0] : 0
  }

  var description: String {
    "\(cpu), \(cores) \(cores == 1 ? "core" : "cores"), \(kernel), \(swift), commit \(commit), \(date), "
      + "load \(formatted(load))"
  }

  private static func cpuModel() -> String {
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
    // The third is what there is on many ARM machines.
    for key in ["model name", "Model", "CPU part"] {
      for line in lines {
        let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
        if parts.count == 2, parts[0] == key { return key == "CPU part" ? "CPU part \(parts[1])" : parts[1] }
      }
    }
    return "unknown CPU"
  }

  private static func commitName() -> String {
    let folder = PeerProcess.sources.path
    guard let commit = firstLine("git", ["-C", folder, "rev-parse", "--short=12", "HEAD"]) else {
      return "unknown"
    }
    // What was measured before is no change.
    let results = ":(top,exclude)Benchmarks/results"
    let change = firstLine("git", ["-C", folder, "status", "--porcelain", "--", ":(top)", results])
    return change == nil ? commit : "\(commit)-dirty"
  }

  /// Of what a command writes; nil if it fails or writes nothing.
  private static func firstLine(_ command: String, _ arguments: [String]) -> String? {
    let env = PeerProcess(
      name: command, executable: URL(fileURLWithPath: "/usr/bin/env"), prefix: [command])
    guard let text = try? env.output(arguments, limit: 20) else { return nil }
    return text.split(separator: "\n").first.map(String.init)
  }

  private static func kernelName() -> String {
    var names = utsname()
    guard uname(&names) == 0 else { return "unknown kernel" }
    func text(_ field: some Any) -> String {
      withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    return "\(text(names.sysname)) \(text(names.release)) \(text(names.machine))"
  }
}
