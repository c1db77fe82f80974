import Foundation
import Sluice
import Testing

/// Takes a time that depends on the item, dies at some items and throws at others.
struct Uneven: ProcessStage {
  var seed: UInt64
  var dying: Int
  var throwing: Int
  func callAsFunction(_ x: Int) throws -> Int {
    var random = SeededGenerator(seed: seed &+ UInt64(x))
    if random.next() % 8 == 0 { usleep(UInt32(random.next() % 3_000)) }
    if dying > 0, x % dying == dying - 1 { kill(getpid(), SIGKILL) }
    if throwing > 0, x % throwing == throwing - 1 { throw Refused(item: x) }
    return x
  }
}

@Suite(.serialized, .watchdog(seconds: 120)) struct OrderedProcessTests {
  private static let source = Stage.branch { (n: Int) in 0..<n }

  @Test(arguments: [0, 1, 2, 64], Consumer.allCases)
  func outputsComeInTheOrderOfInputs(throttle: Int, consumer: Consumer) async throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    let stage = Stage(
      processes: 3, throttle: throttle, ordered: true, Uneven(seed: seed, dying: 0, throwing: 0))
    let outputs = try await (Self.source | stage).outputs(400, by: consumer)
    #expect(outputs == Array(0..<400), "seed \(seed)")
  }

  @Test(arguments: [0, 1, 2, 64]) func skippedItemsLeaveNoHole(throttle: Int) async throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    let stage = Stage(
      processes: 3, throttle: throttle, ordered: true, onFailure: .skip,
      Uneven(seed: seed, dying: 50, throwing: 7))
    let run = (Self.source | stage)(200)
    let outputs = try await run.collect()
    let expected: [Int] = (0..<200).filter { $0 % 50 != 49 && $0 % 7 != 6 }
    #expect(outputs == expected, "seed \(seed)")
    #expect(run.report.stages[1].skipped == 200 - expected.count)
  }

  @Test(arguments: [0, 1, 5]) func whatIsGivenAgainKeepsItsPlace(throttle: Int) async throws {
    let path = unusedPath()
    defer { unlink(path) }
    let stage = Stage(
      processes: 3, throttle: throttle, ordered: true, onFailure: .retry(1), DiesOnce(folder: path, every: 10)
    )
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let outputs = try await (Self.source | stage).outputs(120)
    #expect(outputs == Array(0..<120))
  }

  /// Between ordered stages holes are passed on, and nothing waits for them.
  @Test func orderGoesThroughSeveralStages() async throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    let first = Stage(
      processes: 2, throttle: 4, ordered: true, onFailure: .skip, Uneven(seed: seed, dying: 0, throwing: 3))
    let second = Stage(workers: 4, throttle: 4, ordered: true) { (x: Int) in x }
    let third = Stage(
      processes: 3, throttle: 4, ordered: true, Uneven(seed: seed &+ 1, dying: 0, throwing: 0))
    let outputs = try await (Self.source | first | second | third).outputs(300)
    let expected: [Int] = (0..<300).filter { $0 % 3 != 2 }
    #expect(outputs == expected, "seed \(seed)")
  }

  /// One slow item delays what comes after it, and not the work on it, up to the throttle and the workers.
  @Test func aSlowItemDelaysDeliveryAndNotWork() async throws {
    let path = unusedPath()
    defer { unlink(path) }
    let run =
      (Self.source
      | Stage(processes: 3, throttle: 6, ordered: true, WaitsForFile(path: path, item: 0)))(100)
    let taking = Task { try await run.collect() }
    // Item 0 waits; the others' outputs have 6 places and two workers that hold one each.
    #expect(try await eventually { run.report.stages[1].itemsIn >= 6 })
    #expect(run.report.stages[1].itemsIn <= 6 + 3 + 3)
    #expect(FileManager.default.createFile(atPath: path, contents: nil))
    #expect(try await taking.value == Array(0..<100))
  }
}

/// Dies at some items, the first time that it meets them.
struct DiesOnce: ProcessStage {
  var folder: String
  var every: Int
  func callAsFunction(_ x: Int) -> Int {
    if x % every == 0 {
      let mark = open("\(folder)/\(x)", O_CREAT | O_EXCL | O_WRONLY, 0o600)
      if mark >= 0 { kill(getpid(), SIGKILL) }
    }
    return x
  }
}
