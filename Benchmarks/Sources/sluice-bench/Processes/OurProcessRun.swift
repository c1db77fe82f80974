import Dispatch
import Glibc
import Sluice
import Synchronization

/// The library, measured as `peers/processes/bench_process.hpp` measures all others. What is said there holds here.
struct OurProcessRun {
  let bytes: Int
  let items: Int
  let throttle: Int
  let pauseMicroseconds: Int

  struct Outcome {
    var seconds = 0.0
    var times: [UInt64] = []
    var ok = true
  }

  func measure(_ measure: ProcessRow.Measure) throws -> Outcome {
    switch measure {
    case .stream: return try bytes == 8 ? streamNumbers() : streamArrays()
    case .roundTrip:
      return try oneByOne(Increment(), item: { $0 }, isAnswer: { $1 == $0 + 1 })
    case .handOver:
      let array = try SharedArray<UInt8>(count: bytes) { $0.initialize(repeating: 120) }
      return try oneByOne(
        Touch(), item: { _ in array }, isAnswer: { $1.count == bytes && $1.hasEnds })
    case .start: return try start()
    }
  }
}

struct Increment: ProcessStage {
  func callAsFunction(_ x: Int) -> Int { x + 1 }
}

struct GiveBack: ProcessStage {
  func callAsFunction(_ bytes: [UInt8]) -> [UInt8] { bytes }
}

/// Looks at the first and the last byte, so that the memory is really there.
struct Touch: ProcessStage {
  struct IsWrong: Error, Codable {}

  func callAsFunction(_ array: SharedArray<UInt8>) throws -> SharedArray<UInt8> {
    guard array.hasEnds else { throw IsWrong() }
    return array
  }
}

extension SharedArray<UInt8> {
  fileprivate var hasEnds: Bool { first == 120 && last == 120 }
}

// MARK: - Streams

extension OurProcessRun {
  /// The source cannot wait for the first answer as the peers' do, since whoever runs a sequence may be the one
  /// that fetches answers. So as many items as may be under way come on top: the clock starts when they are back.
  /// That leaves ready answers, fewer than these, which a run of many times as many hardly shows.
  private var total: Int { items + throttle }

  private func streamNumbers() throws -> Outcome {
    let pipeline =
      Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
      | Stage(processes: 1, throttle: throttle, Increment())
    return try stream(pipeline, sum: total * (total + 1) / 2) { $0 }
  }

  private func streamArrays() throws -> Outcome {
    let bytes = bytes
    let pipeline =
      Stage.branch(throttle: throttle) { (n: Int) in (0..<n).lazy.map { makeItem(bytes, $0) } }
      | Stage(processes: 1, throttle: throttle, GiveBack())
    return try stream(pipeline, sum: total * (total - 1)) { sumOfItem($0) }
  }

  @inline(__always)
  private func stream<Item: Sendable>(
    _ pipeline: Pipeline<Int, Item>, sum expected: Int, _ number: (Item) -> Int
  ) throws -> Outcome {
    try pipeline.run(total) { answers in
      var answers = answers.makeIterator()
      var (count, sum) = (0, 0)
      var started: UInt64 = 0
      while let answer = answers.next() {
        count += 1
        sum &+= number(answer)
        if count == throttle { started = nowNanoseconds() }
      }
      return Outcome(
        seconds: Double(nowNanoseconds() - started) / 1e9, ok: count == total && sum == expected)
    }
  }
}

/// An array that begins and ends with the number.
private func makeItem(_ bytes: Int, _ number: Int) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: bytes) { buffer, count in
    buffer.initialize(repeating: 0)
    let raw = UnsafeMutableRawBufferPointer(buffer)
    raw.storeBytes(of: number, as: Int.self)
    raw.storeBytes(of: number, toByteOffset: bytes - 8, as: Int.self)
    count = bytes
  }
}

private func sumOfItem(_ item: [UInt8]) -> Int {
  item.withUnsafeBytes {
    $0.loadUnaligned(as: Int.self) &+ $0.loadUnaligned(fromByteOffset: $0.count - 8, as: Int.self)
  }
}

// MARK: - One at a time

/// The item that is under way.
private final class UnderWay: Sendable {
  let startedAt = Atomic<UInt64>(0)
  let isBack = DispatchSemaphore(value: 0)
}

extension OurProcessRun {
  /// A running pipeline with one item in it at any time: its source, which yields, waits for each answer before
  /// the next item. From before `yield` to the consumer; the way to the consumer's thread is part of it.
  private func oneByOne<Body: ProcessStage>(
    _ stage: Body, item: @escaping @Sendable (Int) -> Body.Input,
    isAnswer: (Int, Body.Output) -> Bool
  ) throws -> Outcome {
    let underWay = UnderWay()
    let pause = UInt32(pauseMicroseconds)
    let pipeline =
      Stage.branch(throttle: throttle) { (n: Int, yield: Outputs<Body.Input>) in
        for number in 1...n {
          if pause > 0 { usleep(pause) }
          let next = item(number)
          underWay.startedAt.store(nowNanoseconds(), ordering: .releasing)
          try yield(next)
          underWay.isBack.wait()
        }
      } | Stage(processes: 1, throttle: throttle, stage)
    return try pipeline.run(items) { answers in
      // Whatever happens, the source must not wait for ever.
      defer { underWay.isBack.signal() }
      var outcome = Outcome()
      outcome.times.reserveCapacity(items)
      for answer in answers {
        outcome.times.append(nowNanoseconds() - underWay.startedAt.load(ordering: .acquiring))
        outcome.ok = outcome.ok && isAnswer(outcome.times.count, answer)
        underWay.isBack.signal()
      }
      outcome.ok = outcome.ok && outcome.times.count == items
      return outcome
    }
  }

  private func start() throws -> Outcome {
    let processes = 4
    let pipeline =
      Stage.branch { (first: Int) in first..<(first + processes) }
      | Stage(processes: processes, Increment())
    var outcome = Outcome()
    for call in 0..<items {
      let started = nowNanoseconds()
      let sum = try pipeline.run(call) { answers in
        answers.reduce(0) { sum, answer in
          if outcome.times.count == call { outcome.times.append(nowNanoseconds() - started) }
          return sum + answer
        }
      }
      outcome.ok = outcome.ok && sum == (call + 1..<call + 1 + processes).reduce(0, +)
    }
    return outcome
  }
}
