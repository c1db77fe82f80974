import Foundation
import Sluice
import Testing

private struct PrivateTripled: ProcessStage {
  func callAsFunction(_ x: Int) -> Int { x * 3 }
}

private enum PrivateOuter<Element> {
  struct Hidden: ProcessStage {
    func callAsFunction(_ x: Int) -> Int { x }
  }
}

private struct PrivateError: Error, Codable, Equatable { var text: String }

private struct ThrowsPrivately: ProcessStage {
  func callAsFunction(_ x: Int) throws -> Int { throw PrivateError(text: "item \(x)") }
}

struct NotCodable: Error, CustomStringConvertible {
  var description: String { "a thread" }
}

private struct ThrowsWhatCannotCross: ProcessStage {
  func callAsFunction(_ x: Int) throws -> Int { throw NotCodable() }
}

struct Holder<Value: Codable & Sendable>: ProcessStage {
  var value: Value
  func callAsFunction(_ x: Int) -> [Value] { Array(repeating: value, count: x) }
}

@Suite(.serialized, .watchdog(seconds: 60)) struct ProcessStageTests {
  static let source = Stage.branch { (n: Int) in 0..<n }

  @Test(arguments: Consumer.allCases, [1, 2, 4])
  func oneInOneOut(consumer: Consumer, processes: Int) async throws {
    for throttle in [0, 1, 2, 64] {
      let source = Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
      let pipeline = source | Stage(processes: processes, throttle: throttle, Doubled())
      let outputs = try await pipeline.outputs(300, by: consumer)
      let expected: [Int] = (0..<300).map { $0 * 2 }
      #expect(outputs.sorted() == expected, "throttle \(throttle)")
      if processes == 1 { #expect(outputs == outputs.sorted(), "one worker keeps the order") }
    }
  }

  @Test(arguments: Consumer.allCases, [1, 3])
  func branches(consumer: Consumer, processes: Int) async throws {
    for throttle in [0, 1, 5] {
      let pipeline = Self.source | Stage.branch(processes: processes, throttle: throttle, Named(times: 3))
      let outputs = try await pipeline.outputs(100, by: consumer)
      let expected: [String] = (0..<100).flatMap { (x: Int) -> [String] in ["\(x).0", "\(x).1", "\(x).2"] }
      #expect(outputs.sorted() == expected.sorted(), "throttle \(throttle)")
    }
  }

  @Test(arguments: Consumer.allCases, [1, 3])
  func joins(consumer: Consumer, processes: Int) async throws {
    let sums = try await (Self.source | Stage.join(processes: processes, Summed())).outputs(
      1_000, by: consumer)
    #expect(sums.count == processes && sums.reduce(0, +) == 499_500)
    let totals = try await (Self.source | Stage.join(processes: 1, throttle: 3, RunningTotals()))
      .outputs(200, by: consumer)
    let expected: [Int] = (1...200).map { $0 * ($0 - 1) / 2 }
    #expect(totals == expected)
  }

  @Test func severalProcessStagesInARow() async throws {
    let pipeline =
      Self.source | Stage(processes: 2, throttle: 4, Doubled())
      | Stage.branch(processes: 2, Repeated<Int>(times: 2))
      | Stage { (x: Int) in x + 1 } | Stage.join(processes: 1, Summed())
    #expect(try await pipeline.outputs(100, by: .blocking) == [2 * (9_900 + 100)])
  }

  @Test func aProducerMayBeAProcess() async throws {
    let pipeline =
      Stage.branch(processes: 1, throttle: 2, Repeated<Int>(times: 50)) | Stage(processes: 1, Doubled())
    #expect(try await pipeline.outputs(4) == Array(repeating: 8, count: 50))
  }

  // MARK: What crosses

  @Test func theStageIsConfiguredAsInTheParent() async throws {
    let outputs = try await (Self.source | Stage(processes: 2, Multiplied(by: 7))).outputs(10)
    #expect(outputs.sorted() == [0, 7, 14, 21, 28, 35, 42, 49, 56, 63])
  }

  @Test func typesAreFoundAgain() async throws {
    struct Local: ProcessStage {
      var by: Int
      func callAsFunction(_ x: Int) -> Int { x * by }
    }
    #expect(try await (Self.source | Stage(processes: 1, PrivateTripled())).outputs(3) == [0, 3, 6])
    #expect(try await (Self.source | Stage(processes: 1, Local(by: 4))).outputs(3) == [0, 4, 8])
    let generic = Self.source | Stage(processes: 1, Holder(value: "x"))
    #expect(try await generic.outputs(3) == [[], ["x"], ["x", "x"]])
  }

  @Test func whatCannotBeFoundAgainIsAnErrorBeforeAnythingStarts() async throws {
    let pipeline = Self.source | Stage(name: "hidden", processes: 1, PrivateOuter<Int>.Hidden())
    do {
      _ = try await pipeline.outputs(3)
      Issue.record("a type inside a private generic type was found")
    } catch let error as PipelineError {
      #expect(error.stage == "stage 2 (hidden)")
      #expect(error.reason.contains("Hidden"))
    }
    #expect(try await eventually { children().isEmpty })
  }

  @Test func valuesOfAnySizeCross() async throws {
    let sizes = [0, 1, 7, 1_000, 100_000, 200_000, 3_000_000]
    let bytes = Stage { (size: Int) in [UInt8](repeating: UInt8(truncatingIfNeeded: size), count: size) }
    let pipeline =
      Stage.branch { (_: Int) in sizes } | bytes | Stage(processes: 2, throttle: 1, Echo<[UInt8]>())
    let outputs = try await pipeline.outputs(0, by: .blocking)
    #expect(outputs.map(\.count).sorted() == sizes.sorted())
    for value in outputs {
      let isWhole = value.allSatisfy { $0 == UInt8(truncatingIfNeeded: value.count) }
      #expect(isWhole)
    }
  }

  @Test func textAndOtherValuesCross() async throws {
    let texts = ["", "a", "grün", "👩‍👧", String(repeating: "x", count: 500_000), "a\0b"]
    let strings = Stage.branch { (_: Int) in texts } | Stage(processes: 1, Echo<String>())
    #expect(try await strings.outputs(0) == texts)
    let dates = [Date(timeIntervalSinceReferenceDate: 0.1), .distantPast]
    #expect(
      try await (Stage.branch { (_: Int) in dates } | Stage(processes: 1, Echo<Date>())).outputs(0) == dates)
    let numbers = [Double.nan, .infinity, -0.0, .leastNonzeroMagnitude]
    let doubles = try await
      (Stage.branch { (_: Int) in numbers } | Stage(processes: 1, Echo<[Double]>.single())).outputs(0)
    #expect(doubles.map(\.bitPattern) == numbers.map(\.bitPattern))
  }

  @Test func sharedMemoryIsPassedOnWithoutACopy() async throws {
    let made = Stage { (n: Int) in
      try SharedArray<Int>(count: n) { elements in
        for i in elements.indices { elements[i] = i }
      }
    }
    let echo = Echo<SharedArray<Int>>()
    let pipeline = made | Stage(processes: 1, echo) | Stage(processes: 2, echo)
    let before = ProcessState.now.descriptors
    let outputs = try await pipeline.outputs(100_000)
    #expect(outputs.count == 1 && outputs[0].count == 100_000 && outputs[0][99_999] == 99_999)
    withExtendedLifetime(outputs) {}
    #expect(try await eventually { ProcessState.now.descriptors <= before + 2 })
  }

  // MARK: Errors

  @Test func anErrorComesAsItWasThrown() async throws {
    await #expect(throws: Refused(item: 0)) {
      try await (Self.source | Stage(processes: 2, Dies(how: .throwing, every: 1_000))).outputs(100)
    }
    await #expect(throws: PrivateError(text: "item 0")) {
      try await (Self.source | Stage(processes: 1, ThrowsPrivately())).outputs(1)
    }
  }

  @Test func anErrorThatIsNotCodableIsDescribed() async throws {
    do {
      _ = try await (Self.source | Stage(processes: 1, ThrowsWhatCannotCross())).outputs(1)
      Issue.record("nothing was thrown")
    } catch let error as RemoteError {
      #expect(error.typeName.contains("NotCodable") && error.description.contains("a thread"))
    }
  }

  @Test func badArgumentsAreNamed() async throws {
    func error(_ pipeline: Pipeline<Int, Int>) async -> PipelineError? {
      do {
        _ = try await pipeline.outputs(1)
        return nil
      } catch { return error as? PipelineError }
    }
    let none = await error(Self.source | Stage(name: "n", processes: 0, Doubled()))
    #expect(none?.argument == "processes" && none?.stage == "stage 2 (n)")
    #expect(await error(Stage(processes: 2, Doubled()))?.argument == "processes")
    #expect(await error(Self.source | Stage(processes: 1, throttle: -1, Doubled()))?.argument == "throttle")
    #expect(await error(Self.source | Stage(processes: 1, timeout: .zero, Doubled()))?.argument == "timeout")
    #expect(await error(Stage.join(processes: 1, Summed()))?.argument == "join")
    #expect(try await eventually { children().isEmpty })
  }

  // MARK: The worker

  @Test func aWorkerHasWhatItsParentHas() async throws {
    let known = try await (Self.source | Stage(processes: 2, KnowsItself())).outputs(2)
    for one in known {
      #expect(one.parent == getpid() && one.pid != getpid())
      #expect(one.arguments == CommandLine.arguments)
      #expect(one.environment == ProcessInfo.processInfo.environment)
      #expect(one.folder == FileManager.default.currentDirectoryPath)
      #expect(one.standardInput == "/dev/null")
      // 0, 1, 2, the socket, two events, and the folder that is being read.
      #expect(one.descriptors <= 7)
    }
  }

  @Test func nothingIsLeft() async throws {
    _ = try await (Self.source | Stage(processes: 2, Doubled())).outputs(10)
    let before = ProcessState.now
    for _ in 0..<5 {
      _ = try await (Self.source | Stage(processes: 3, throttle: 2, Doubled())).outputs(50, by: .blocking)
    }
    #expect(try await eventually { children().isEmpty })
    #expect(try await eventually { ProcessState.now.descriptors <= before.descriptors })
    #expect(try await eventually { ProcessState.now.threads <= before.threads + 3 })
  }
}

extension Echo where Value == [Double] {
  /// For single numbers.
  static func single() -> Echo<Double> { Echo<Double>() }
}
