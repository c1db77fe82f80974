import Foundation
import Sluice

// The stages that the tests of worker processes run. Internal types, which another process finds by name.

struct Doubled: ProcessStage {
  func callAsFunction(_ x: Int) -> Int { x * 2 }
}

struct Multiplied: ProcessStage {
  var by: Int
  func callAsFunction(_ x: Int) -> Int { x * by }
}

struct Repeated<Element: Codable & Sendable>: ProcessBranch {
  var times: Int
  func callAsFunction(_ element: Element, yield: Outputs<Element>) throws {
    for _ in 0..<times { try yield(element) }
  }
}

struct Named: ProcessBranch {
  var times: Int
  func callAsFunction(_ x: Int, yield: Outputs<String>) throws {
    for i in 0..<times { try yield("\(x).\(i)") }
  }
}

struct Summed: ProcessJoin {
  func callAsFunction(_ xs: Inputs<Int>, yield: Outputs<Int>) throws { try yield(xs.reduce(0, +)) }
}

/// Every total of the stream so far.
struct RunningTotals: ProcessJoin {
  func callAsFunction(_ xs: Inputs<Int>, yield: Outputs<Int>) throws {
    var total = 0
    for x in xs {
      total += x
      try yield(total)
    }
  }
}

/// The value as it is, so that it crosses twice.
struct Echo<Value: Codable & Sendable>: ProcessStage {
  func callAsFunction(_ value: Value) -> Value { value }
}

/// What a process knows of itself.
struct SelfKnowledge: Codable, Sendable, Equatable {
  var pid: Int32
  var parent: Int32
  var arguments: [String]
  var environment: [String: String]
  var folder: String
  var standardInput: String
  var descriptors: Int
}

struct KnowsItself: ProcessStage {
  func callAsFunction(_ x: Int) -> SelfKnowledge {
    let files = FileManager.default
    return SelfKnowledge(
      pid: getpid(), parent: getppid(), arguments: CommandLine.arguments,
      environment: ProcessInfo.processInfo.environment, folder: files.currentDirectoryPath,
      standardInput: (try? files.destinationOfSymbolicLink(atPath: "/proc/self/fd/0")) ?? "",
      descriptors: (try? files.contentsOfDirectory(atPath: "/proc/self/fd"))?.count ?? -1)
  }
}

/// How a body may end its worker.
enum Ending: String, Codable, Sendable, CaseIterable {
  case trap, exit, kill, overflow, throwing
}

struct Refused: Error, Codable, Equatable { var item: Int }

struct Dies: ProcessStage {
  var how: Ending
  /// Items that end in this way: those that this number divides.
  var every: Int
  func callAsFunction(_ x: Int) throws -> Int {
    guard x % every == 0 else { return x }
    switch how {
    case .trap: fatalError("on purpose, at \(x)")
    case .exit: exit(3)
    case .kill: kill(getpid(), SIGKILL)
    case .overflow:
      var small = Int8(truncatingIfNeeded: x | 127)
      small = small < 0 ? 127 : small
      return Int(small + Int8(clamping: every))
    case .throwing: throw Refused(item: x)
    }
    return x
  }
}

/// Waits until a file is there.
struct WaitsForFile: ProcessStage {
  var path: String
  /// The item that waits; others pass.
  var item: Int
  func callAsFunction(_ x: Int) -> Int {
    if x == item { while access(path, F_OK) != 0 { usleep(1_000) } }
    return x
  }
}

/// Takes its time.
struct Sleeps: ProcessStage {
  var milliseconds: Int
  func callAsFunction(_ x: Int) -> Int {
    usleep(UInt32(milliseconds * 1_000))
    return x
  }
}

/// A path that nobody uses.
func unusedPath() -> String { NSTemporaryDirectory() + "sluice-\(UUID().uuidString)" }

/// The children of this process, by their numbers.
func children() -> [Int32] {
  let files = FileManager.default
  guard let tasks = try? files.contentsOfDirectory(atPath: "/proc/self/task") else { return [] }
  return tasks.flatMap { task -> [Int32] in
    let list = textOfFile("/proc/self/task/\(task)/children")
    return list.split(separator: " ").compactMap { Int32($0) }
  }
}

/// The segments that this process has mapped, of workers and of values.
func mappedSegments() -> Int {
  textOfFile("/proc/self/maps").split(separator: "\n").filter { $0.contains("memfd:sluice") }.count
}
