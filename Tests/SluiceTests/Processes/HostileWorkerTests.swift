import Foundation
import Sluice
import Testing

/// What a hostile worker does, beside or in place of its work.
enum Attack: Int, Codable, CaseIterable {
  /// Random bytes over the whole segment, and then whatever the loop makes of it.
  case segment
  /// The same, and the end.
  case segmentAndExit
  /// Only over the fields at the segment's beginning, which rule it.
  case fields
  /// Only over the answers, again and again while the worker goes on as usual.
  case answersForEver
  /// Messages with random bytes and descriptors on the socket.
  case socket
}

/// Writes over what this process shares with its parent.
struct Hostile<Output: Codable & Sendable>: ProcessStage {
  var seed: UInt64
  var answer: Output

  func callAsFunction(_ item: Int) throws -> Output {
    var random = SeededGenerator(seed: seed &+ UInt64(truncatingIfNeeded: item))
    let attack = Attack.allCases[abs(item % Attack.allCases.count)]
    for segment in Self.segments() {
      switch attack {
      case .segment, .segmentAndExit: Self.scribble(segment, &random)
      case .fields: Self.scribble(UnsafeMutableRawBufferPointer(rebasing: segment.prefix(1_024)), &random)
      case .answersForEver:
        nonisolated(unsafe) let answers = UnsafeMutableRawBufferPointer(
          rebasing: segment.suffix(segment.count / 2))
        let seed = random.next()
        Thread.detachNewThread {
          var random = SeededGenerator(seed: seed)
          while true { Self.scribble(answers, &random) }
        }
      case .socket: break
      }
    }
    if attack == .segmentAndExit { exit(0) }
    if attack == .socket { Self.talkNonsense(&random) }
    if random.next() % 4 == 0 { throw Refused(item: item) }
    return answer
  }

  /// The shared memory that this process may write to.
  static func segments() -> [UnsafeMutableRawBufferPointer] {
    let maps = textOfFile("/proc/self/maps")
    return maps.split(separator: "\n").filter { $0.contains("memfd:sluice") && $0.contains("rw-s") }
      .compactMap { line in
        let bounds = line.split(separator: " ")[0].split(separator: "-").compactMap {
          UInt(String($0), radix: 16)
        }
        guard bounds.count == 2 else { return nil }
        return UnsafeMutableRawBufferPointer(
          start: UnsafeMutableRawPointer(bitPattern: bounds[0]), count: Int(bounds[1] - bounds[0]))
      }
  }

  /// Mostly random bytes, now and then what looks like numbers of the protocol.
  static func scribble(_ bytes: UnsafeMutableRawBufferPointer, _ random: inout SeededGenerator) {
    let words = bytes.bindMemory(to: UInt64.self)
    let mode = random.next() % 4
    for i in words.indices {
      let number = random.next()
      switch mode {
      case 0: words[i] = number
      case 1: words[i] = number % 64
      case 2: words[i] = number % 4 == 0 ? (number % 6) << 32 | (number >> 40) % 256 : words[i]
      default: words[i] = number % 16 == 0 ? number : words[i]
      }
    }
  }

  static func talkNonsense(_ random: inout SeededGenerator) {
    for _ in 0..<5 {
      let bytes = (0..<Int(random.next() % 64)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      _ = bytes.withUnsafeBytes { send(3, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL)) }
    }
  }
}

/// A worker that does with its segment and its socket what it likes: its parent gives an error for it, and goes on.
@Suite(.serialized, .watchdog(seconds: 300)) struct HostileWorkerTests {
  /// Every item is delivered (what a hostile worker answers may be anything) or reported, once.
  private func attack<Output: Codable & Sendable>(_ answer: Output, items: Int) async throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    // The runtime's own timers come with the first sleep.
    try await Task.sleep(for: .milliseconds(1))
    let before = ProcessState.now
    let source = Stage.branch(throttle: 64) { (n: Int) in 0..<n }
    let stage = Stage(
      processes: 4, throttle: 64, onFailure: .skip, timeout: .seconds(5), Hostile(seed: seed, answer: answer))
    do {
      let run = (source | stage)(items)
      var delivered = 0
      for try await _ in run { delivered += 1 }
      let report = run.report.stages[1]
      #expect(delivered + report.skipped == items, "seed \(seed)")
      #expect(report.skipped > items / 4, "seed \(seed)")
    }
    #expect(try await eventually { children().isEmpty })
    #expect(try await eventually { ProcessState.now.descriptors <= before.descriptors }, "seed \(seed)")
  }

  private static let items = isWatched ? 250 : 5_000

  init() { withoutBacktraces() }

  @Test func numbers() async throws { try await attack(7, items: Self.items) }

  @Test func encodedValues() async throws {
    try await attack(["a": [1.5, 2.5], "b": []], items: Self.items)
  }
}

/// A trap prints a backtrace, for a second or so. The workers of tests inherit this.
func withoutBacktraces() { setenv("SWIFT_BACKTRACE", "enable=no", 1) }

/// Whether a sanitizer is in this process: everything is slower.
let isWatched: Bool = dlsym(nil, "__tsan_init") != nil || dlsym(nil, "__asan_init") != nil
