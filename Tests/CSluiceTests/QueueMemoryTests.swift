import Foundation
import Testing

/// What the unbounded queue does to memory, measured in a process of its own (Tests/QueueMemory), which no
/// other test disturbs.
@Suite(.serialized, .enabled(if: !isSanitized, "a sanitizer's memory is not the queue's"))
struct QueueMemoryTests {
  /// The program's output, and its exit status.
  private func run(_ arguments: String...) throws -> (output: String, status: Int32) {
    // The build has put it beside the program that runs the tests.
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: tests).deletingLastPathComponent()
      .appendingPathComponent("queue-memory")
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (String(decoding: output, as: UTF8.self), process.terminationStatus)
  }

  @Test func tenMillionElementsInAndOutLeaveMemoryAsItWas() throws {
    let (output, status) = try run("burst", "10000000")
    print(output, terminator: "")
    #expect(status == 0, "resident memory is not back within 10 % of the start: \(output)")
  }

  @Test func tenMillionTriesOnAnEmptyQueueMapAndAllocateNothing() throws {
    let (output, status) = try run("idle", "10000000")
    print(output, terminator: "")
    #expect(status == 0, "\(output)")
  }
}
