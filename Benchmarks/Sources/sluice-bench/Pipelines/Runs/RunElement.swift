/// What goes through a pipeline: what its source, its bodies and its consumer do with it.
protocol RunElement: Sendable {
  associatedtype Source: Sequence<Self> & SendableMetatype

  static func source(_ range: Range<Int>) -> Source
  /// What a body makes of it.
  var next: Self { get }
  /// The same after so many steps of work.
  func next(spin: Int) -> Self
  /// What the consumer adds up.
  var number: Int { get }
  /// What it then has.
  static func sum(_ n: Int, bodies: Int) -> Int
}

extension Int: RunElement {
  @inline(__always)
  static func source(_ range: Range<Int>) -> Range<Int> { range }
  @inline(__always)
  var next: Int { self + 1 }
  @inline(__always)
  func next(spin: Int) -> Int { self + 1 + Spin.run(self, steps: spin) }
  @inline(__always)
  var number: Int { self }
  static func sum(_ n: Int, bodies: Int) -> Int { n * (n - 1) / 2 + bodies * n }
}

/// Strings of 24 to 39 bytes, which stand on the heap: passing one on moves a reference, and the source counts
/// one up.
private let heapStrings = (0..<16).map { String(repeating: "x", count: 24 + $0) }

extension String: RunElement {
  @inline(__always)
  static func source(_ range: Range<Int>) -> LazyMapSequence<Range<Int>, String> {
    range.lazy.map { heapStrings[$0 & 15] }
  }
  @inline(__always)
  var next: String { self }
  @inline(__always)
  func next(spin: Int) -> String { Spin.run(utf8.count, steps: spin) == 1 ? "" : self }
  @inline(__always)
  var number: Int { utf8.count }
  static func sum(_ n: Int, bodies: Int) -> Int {
    let all = heapStrings.reduce(0) { $0 + $1.utf8.count }
    return n / 16 * all + heapStrings.prefix(n % 16).reduce(0) { $0 + $1.utf8.count }
  }
}

/// A new object from the source, and from each body.
final class Box: RunElement {
  let value: Int

  init(_ value: Int) { self.value = value }

  @inline(__always)
  static func source(_ range: Range<Int>) -> LazyMapSequence<Range<Int>, Box> { range.lazy.map { Box($0) } }
  @inline(__always)
  var next: Box { Box(value + 1) }
  @inline(__always)
  func next(spin: Int) -> Box { Box(value.next(spin: spin)) }
  @inline(__always)
  var number: Int { value }
  static func sum(_ n: Int, bodies: Int) -> Int { Int.sum(n, bodies: bodies) }
}
