import Foundation
import Testing

@testable import Sluice

/// Which types cross as the bytes that they have, and what is refused when these come back.
@Suite(.watchdog()) struct ProcessesValueFormTests {
  struct Point: Codable, Hashable { var x: Int32, y: Double }
  struct Box: Codable, Hashable { var corner: Point, isOpen: Bool, colour: Colour }
  enum Colour: UInt16, Codable, Hashable, CaseIterable {
    case red = 7
    case green = 300
    case blue = 1
  }
  enum Only: Codable, Hashable { case one }
  enum Shape: Codable, Hashable {
    case circle(Double)
    case square(Int32)
    case nothing
  }
  struct Nothing: Codable, Hashable {}
  struct Wrapper<Inner: Codable & Hashable & Sendable>: Codable, Hashable { var inner: Inner }
  struct Maybe: Codable, Hashable { var number: Int16?, flag: Bool?, colour: Colour?, deep: Int64?? }
  fileprivate struct Hidden: Codable, Hashable { fileprivate var a: UInt8, b: UInt64 }

  @Test func numbers() throws {
    try expectCrossing([0, 1, -1, .min, .max] as [Int], as: .bitwise)
    try expectCrossing([0, -1, .min, .max] as [Int8], as: .bitwise)
    try expectCrossing([0, -1, .min, .max] as [Int16], as: .bitwise)
    try expectCrossing([0, -1, .min, .max] as [Int32], as: .bitwise)
    try expectCrossing([0, -1, .min, .max] as [Int64], as: .bitwise)
    try expectCrossing([0, -1, .min, .max, 1 << 100] as [Int128], as: .bitwise)
    try expectCrossing([0, .max] as [UInt], as: .bitwise)
    try expectCrossing([0, 1, .max] as [UInt8], as: .bitwise)
    try expectCrossing([0, .max] as [UInt16], as: .bitwise)
    try expectCrossing([0, .max] as [UInt32], as: .bitwise)
    try expectCrossing([0, .max, 1 << 63] as [UInt64], as: .bitwise)
    try expectCrossing([0, .max, 1 << 127] as [UInt128], as: .bitwise)
    try expectCrossing(
      [0, 1.5, -.infinity, .infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude] as [Double],
      as: .bitwise)
    try expectCrossing([0, 1.5, -.infinity, .infinity, .pi] as [Float], as: .bitwise)
    try expectCrossing([0, 1.5, -.infinity, .infinity, .leastNonzeroMagnitude] as [Float16], as: .bitwise)
    try expectCrossing([true, false], as: .bitwise)
    try expectCrossing([.zero, .seconds(3), .nanoseconds(-1)] as [Duration], as: .bitwise)
  }

  /// The bits of a float come out, whatever they are: -0.0 and the payload and sign of a NaN, alone and inside.
  @Test(arguments: [
    -0.0, .nan, -.nan, .signalingNaN, Double(nan: 5, signaling: false), -Double(nan: 7, signaling: true),
  ])
  func bitsOfFloats(number: Double) throws {
    #expect(try crossed(number).bitPattern == number.bitPattern)
    let around = [["a": number], [:]]
    #expect(try crossed(around)[0]["a"]?.bitPattern == number.bitPattern)
    struct Text: Codable { var text = "", float: Float, double: Double, row: [Double] }
    let text = Text(float: Float(bitPattern: 0xFFA0_0001), double: number, row: [number])
    let back = try crossed(text)
    #expect(back.float.bitPattern == text.float.bitPattern)
    #expect(back.double.bitPattern == number.bitPattern)
    #expect(back.row[0].bitPattern == number.bitPattern)
  }

  @Test func structsAndEnums() throws {
    try expectCrossing([Point(x: 1, y: 2), Point(x: .min, y: -.infinity)], as: .bitwise)
    try expectCrossing(
      Colour.allCases.map { Box(corner: Point(x: 3, y: 4), isOpen: $0 == .red, colour: $0) }, as: .bitwise)
    try expectCrossing(Colour.allCases, as: .bitwise)
    try expectCrossing([Only.one], as: .bitwise)
    try expectCrossing([Nothing()], as: .bitwise)
    try expectCrossing([Wrapper(inner: Wrapper(inner: Colour.blue))], as: .bitwise)
    try expectCrossing([Hidden(a: 1, b: 2)], as: .bitwise)
    try expectCrossing([SIMD4<Float>(1, 2, 3, 4)], as: .bitwise)
    try expectCrossing([SIMD3<Int8>(1, 2, 3)], as: .bitwise)
    try expectCrossing([Date(timeIntervalSinceReferenceDate: 1.1e-9), .distantPast], as: .bitwise)
    try expectCrossing([UUID(), UUID()], as: .bitwise)
  }

  @Test func optionals() throws {
    try expectCrossing([nil, 1, .max] as [Int?], as: .bitwise)
    try expectCrossing([nil, true, false] as [Bool?], as: .bitwise)
    try expectCrossing([nil, .red, .blue] as [Colour?], as: .bitwise)
    try expectCrossing([nil, Point(x: 1, y: 2)] as [Point?], as: .bitwise)
    try expectCrossing([nil, Nothing()] as [Nothing?], as: .bitwise)
    try expectCrossing([nil, .some(nil), 1] as [Int??], as: .bitwise)
    try expectCrossing([nil, .some(nil), .some(.some(nil)), 1] as [Int???], as: .bitwise)
    try expectCrossing([nil, .some(nil), true] as [Bool??], as: .coded)
    try expectCrossing(
      [
        Maybe(), Maybe(number: 1, flag: false, colour: .green, deep: .some(nil)),
        Maybe(number: nil, flag: true, colour: nil, deep: 7),
      ], as: .bitwise)
    // What has no byte of its own for nil is left to `Codable`.
    try expectCrossing([nil, Wrapper(inner: true)] as [Wrapper<Bool>?], as: .coded)
  }

  /// What looks trivial but promises something, or may be a pointer.
  @Test func typesThatAreNotBitwise() throws {
    try expectCrossing([1..<2, 0..<0], as: .coded)
    try expectCrossing([1...2], as: .coded)
    try expectCrossing([Wrapper(inner: 1..<2)], as: .coded)
    try expectCrossing([.circle(1), .square(2), .nothing] as [Shape], as: .coded)
    try expectCrossing([DateInterval(start: .distantPast, duration: 3)], as: .coded)
    try expectCrossing([Decimal(string: "123456789.123456789")!, .nan, .greatestFiniteMagnitude], as: .coded)
    struct Pointing: Codable {
      var address: UnsafeRawPointer?
      init(from decoder: any Decoder) throws {}
      func encode(to encoder: any Encoder) throws {}
    }
    #expect(BitwisePlan(Pointing.self) == nil)
    #expect(BitwisePlan(ObjectIdentifier.self) == nil)
    #expect(BitwisePlan((@convention(c) () -> Void).self) == nil)
    #expect(BitwisePlan(Any.Type.self) == nil)
    #expect(BitwisePlan(Unmanaged<NSObject>.self) == nil)
    #expect(BitwisePlan(Unicode.Scalar.self) == nil)
    #expect(BitwisePlan(SIMDMask<SIMD2<Int>>.self) == nil)
    #expect(BitwisePlan(Never.self) == nil)
    #expect(BitwisePlan(String.self) == nil)
    #expect(BitwisePlan((Int, Bool).self) != nil)
  }

  @Test func contiguousForms() throws {
    let long = String(repeating: "ä", count: 1000)
    try expectCrossing(["", "a", "a\0b", "$null", "👩‍👩‍👧‍👦 🇩🇪", "e\u{301}", "é", long], as: .contiguous)
    try expectCrossing([[], [1], Array(0...255)] as [[UInt8]], as: .contiguous)
    try expectCrossing([Data(), Data([1, 2, 3]), Data(0...255)[7...]], as: .contiguous)
    try expectCrossing([[], [1.5, -.infinity]] as [[Float]], as: .contiguous)
    try expectCrossing([[], [true, false]] as [[Bool]], as: .contiguous)
    try expectCrossing([[], [Point(x: 1, y: 2), Point(x: 3, y: 4)]], as: .contiguous)
    try expectCrossing([[], [nil, 1]] as [[Int?]], as: .contiguous)
    try expectCrossing([[Nothing(), Nothing()]], as: .contiguous)
    try expectCrossing([[], [[], [1]]] as [[[Int]]], as: .coded)
  }

  /// The same characters, and not merely equal ones.
  @Test func stringsKeepTheirScalars() throws {
    for string in ["e\u{301}", "é", "\u{FEFF}a", "\r\n", "\u{10FFFF}", "\u{0}"] {
      #expect(try Array(crossed(string).utf8) == Array(string.utf8))
      #expect(try Array(crossed([string: string])[string]!.utf8) == Array(string.utf8))
    }
    let slice = "xx\(String(repeating: "slice ", count: 9))".dropFirst(2)
    #expect(try crossed(String(slice)) == slice)
  }

  // MARK: Bytes that are no value

  private func expectRefused<Value: Codable & Sendable>(
    _ type: Value.Type, _ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(throws: CorruptValue.self, sourceLocation: sourceLocation) {
      try ValueCodec<Value>().decoded(bytes)
    }
  }

  @Test func bitsThatAreNoValue() throws {
    for byte in UInt8(2)...255 { expectRefused(Bool.self, [byte]) }
    for byte in UInt8(3)...255 {
      expectRefused(Colour.self, [byte])
      expectRefused([Colour].self, [0, byte])
      expectRefused(Bool?.self, [byte])
    }
    for byte in UInt8(4)...255 { expectRefused(Colour?.self, [byte]) }
    #expect(try ValueCodec<Bool?>().decoded([2]) == .some(nil))
    #expect(try ValueCodec<Colour?>().decoded([3]) == .some(nil))
    for byte in UInt8(2)...255 { expectRefused(Int?.self, [0, 0, 0, 0, 0, 0, 0, 0, byte]) }
    // Swift never leaves anything in a nil, and may count on that.
    let none = try ValueCodec<Int?>().decoded([1, 2, 3, 4, 5, 6, 7, 8, 1])
    #expect(none == nil)
    #expect(withUnsafeBytes(of: none) { Array($0.prefix(9)) } == [0, 0, 0, 0, 0, 0, 0, 0, 1])
  }

  @Test func wrongSizes() throws {
    for count in [0, 1, 7, 9, 16] { expectRefused(Int.self, Array(repeating: 0, count: count)) }
    for count in [0, 1, 15, 17] { expectRefused(Point.self, Array(repeating: 0, count: count)) }
    expectRefused(Nothing.self, [0])
    for count in [1, 7, 9] { expectRefused([Double].self, Array(repeating: 0, count: count)) }
  }

  @Test func bytesThatAreNoUTF8() throws {
    for bytes in [
      [0x80], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xFF], [0xE2, 0x82],
    ] as [[UInt8]] {
      expectRefused(String.self, bytes)
      expectRefused(String.self, Array(repeating: 0x61, count: 40) + bytes)
    }
    // What a repair would leave is a string itself.
    #expect(try ValueCodec<String>().decoded([0xEF, 0xBF, 0xBD]) == "\u{FFFD}")
  }
}
