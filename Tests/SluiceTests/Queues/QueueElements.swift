import Synchronization

// Elements of every kind for the tests of the queues, each of which can tell what number it was made with.

/// Counts how many elements were made and how many have been destroyed.
final class ElementLives: Sendable {
  private let begun = Atomic(0)
  private let ended = Atomic(0)

  var born: Int { begun.load(ordering: .sequentiallyConsistent) }
  var died: Int { ended.load(ordering: .sequentiallyConsistent) }
  var alive: Int { born - died }

  fileprivate func begin() { begun.add(1, ordering: .sequentiallyConsistent) }
  fileprivate func end() { ended.add(1, ordering: .sequentiallyConsistent) }
}

protocol QueueElement: ~Copyable, Sendable {
  static func make(_ number: Int, _ lives: ElementLives) -> Self
  /// The number that it was made with; -1 if its content is not what it was.
  var number: Int { get }
  /// False: there is no room for a number in it, and `number` is always 0.
  static var hasNumber: Bool { get }
}

extension QueueElement where Self: ~Copyable {
  static var hasNumber: Bool { true }
  /// What `number` is to be of an element that was made with this number.
  static func expected(_ number: Int) -> Int { hasNumber ? number : 0 }
}

extension Int: QueueElement {
  static func make(_ number: Int, _ lives: ElementLives) -> Int { number }
  var number: Int { self }
}

/// A string on the heap: too long to stand in its own two words.
extension String: QueueElement {
  private static let prefix = "an element that is longer than fifteen bytes, with the number "

  static func make(_ number: Int, _ lives: ElementLives) -> String { prefix + "\(number)" }
  var number: Int { hasPrefix(Self.prefix) ? Int(dropFirst(Self.prefix.count)) ?? -1 : -1 }
}

/// An object whose end is counted.
final class CountedObject: QueueElement {
  let number: Int
  private let lives: ElementLives

  init(_ number: Int, _ lives: ElementLives) {
    self.number = number
    self.lives = lives
    lives.begin()
  }

  deinit { lives.end() }

  static func make(_ number: Int, _ lives: ElementLives) -> Self { Self(number, lives) }
}

/// A value that cannot be copied, and whose end is counted.
struct MoveOnly: ~Copyable, QueueElement {
  let number: Int
  private let lives: ElementLives

  init(_ number: Int, _ lives: ElementLives) {
    self.number = number
    self.lives = lives
    lives.begin()
  }

  deinit { lives.end() }

  static func make(_ number: Int, _ lives: ElementLives) -> MoveOnly { MoveOnly(number, lives) }
}

/// As strict an alignment as Swift has, and a stride that is no power of two.
struct Aligned: QueueElement {
  private var wide: SIMD4<Double>
  private var odd: UInt8

  static func make(_ number: Int, _ lives: ElementLives) -> Aligned {
    Aligned(wide: SIMD4(repeating: Double(number)), odd: UInt8(truncatingIfNeeded: number))
  }

  var number: Int {
    let value = Int(wide.x)
    return wide == SIMD4(repeating: wide.x) && odd == UInt8(truncatingIfNeeded: value) ? value : -1
  }
}

/// No bytes at all.
struct Nothing: QueueElement {
  static func make(_ number: Int, _ lives: ElementLives) -> Nothing { Nothing() }
  var number: Int { 0 }
  static var hasNumber: Bool { false }
}

/// A page of 4 KiB.
struct Page: QueueElement {
  private typealias Line = SIMD64<Int>
  private var lines: (Line, Line, Line, Line, Line, Line, Line, Line)

  static func make(_ number: Int, _ lives: ElementLives) -> Page {
    let line = Line(repeating: number)
    return Page(lines: (line, line, line, line, line, line, line, line))
  }

  var number: Int {
    let line = Line(repeating: lines.0.x0)
    let isWhole =
      lines.0 == line && lines.1 == line && lines.2 == line && lines.3 == line && lines.4 == line
      && lines.5 == line && lines.6 == line && lines.7 == line
    return isWhole ? lines.0.x0 : -1
  }
}

extension SIMD64<Int> {
  fileprivate var x0: Int { self[0] }
}

/// A test that goes through elements of any type.
protocol ElementTest {
  func run<Element: QueueElement & ~Copyable>(_ type: Element.Type) async throws
}

enum ElementKind: String, CaseIterable, Sendable {
  case int, string, object, moveOnly, aligned, nothing, page

  func run(_ test: some ElementTest) async throws {
    switch self {
    case .int: try await test.run(Int.self)
    case .string: try await test.run(String.self)
    case .object: try await test.run(CountedObject.self)
    case .moveOnly: try await test.run(MoveOnly.self)
    case .aligned: try await test.run(Aligned.self)
    case .nothing: try await test.run(Nothing.self)
    case .page: try await test.run(Page.self)
    }
  }
}
