import Foundation
import Testing

@testable import Sluice

/// Types that cross by their `Codable` conformance: everything that they can hold comes out, or an error says why not.
@Suite(.watchdog()) struct ProcessesCodedValueTests {
  enum Shape: Codable, Hashable, Sendable {
    case circle(radius: Double)
    case polygon([Int], name: String?)
    case nothing
    indirect case pair(Shape, Shape)
  }
  enum Key: String, Codable, CodingKeyRepresentable, Hashable, Sendable { case first, second }
  struct Everything: Codable, Hashable, Sendable {
    var name = "name", nothing: String?, something: Int? = 1, deep: Int??? = .some(.some(nil))
    var bytes: [UInt8] = [0, 255], numbers: [Int16] = [-1],
      table: [String: [Double]] = ["": [], "a.b": [.infinity]]
    var byNumber: [Int: String] = [-1: "minus"], byKey: [Key: Int] = [.first: 1],
      byShape: [Shape: Int] = [.nothing: 1]
    var set: Set<String> = ["x", "$null"], shape = Shape.pair(.nothing, .polygon([1, 2], name: nil))
    var date = Date(timeIntervalSinceReferenceDate: 0.1), data = Data([1, 2, 3])
    var url = URL(string: "https://example.org/a?b=c#d")!, decimal = Decimal(string: "-0.1")!
    var uuid = UUID(), large = UInt64.max, larger = Int128.min, largest = UInt128.max, half = Float16(0.1)
    var range = 1..<3, character = "e\u{301}", optionals: [Int?] = [nil, 1, nil],
      deepest: [Int??] = [nil, .some(nil), 1]
  }

  @Test func everyField() throws {
    var other = Everything()
    other.nothing = ""
    other.something = nil
    other.deep = .some(nil)
    other.shape = .circle(radius: -0.0)
    try expectCrossing([Everything(), other], as: .coded)
  }

  @Test func optionalsOfOptionals() throws {
    try expectCrossing([nil, .some(nil), "", "$null"] as [String??], as: .coded)
    try expectCrossing([nil, .some(nil), .some(.some(nil)), [nil, "a"]] as [[String?]???], as: .coded)
    struct Fields: Codable, Equatable { var a: String?, b: String??, c: String??? }
    try expectCrossing(
      [
        Fields(), Fields(a: "", b: .some(nil), c: .some(nil)), Fields(a: nil, b: "b", c: .some(.some(nil))),
        Fields(c: "c"),
      ], as: .coded)
  }

  @Test func dictionariesAndSets() throws {
    try expectCrossing([[:], [1: "a", -7: "b"], [.max: "", .min: "x"]] as [[Int: String]], as: .coded)
    try expectCrossing([[:], [.circle(radius: 1): 1, .nothing: 2]] as [[Shape: Int]], as: .coded)
    try expectCrossing([[.first: "a", .second: "b"]] as [[Key: String]], as: .coded)
    try expectCrossing([[1.5: 1, .infinity: 2]] as [[Double: Int]], as: .coded)
    try expectCrossing([["": "", "a\0": "b", "é": "1", "🙂": "$null"]], as: .coded)
    try expectCrossing([Dictionary(uniqueKeysWithValues: (0..<1000).map { ("\($0)", $0) })], as: .coded)
    try expectCrossing([Set(0..<100)], as: .coded)
    try expectCrossing([[[:], ["a": nil, "b": 1]]] as [[[String: Int?]]], as: .coded)
  }

  @Test func typesOfFoundation() throws {
    try expectCrossing([URL(string: "a/b", relativeTo: URL(string: "https://example.org/c/"))!], as: .coded)
    try expectCrossing([Decimal.nan, .leastFiniteMagnitude, 0, -1] as [Decimal], as: .coded)
    try expectCrossing([Locale(identifier: "de_DE")], as: .coded)
    try expectCrossing([DateComponents(year: 2025, month: 2)], as: .coded)
    try expectCrossing([IndexPath(indexes: [1, 2, 3])], as: .coded)
    try expectCrossing([TimeZone(identifier: "Europe/Berlin")!], as: .coded)
    try expectCrossing([CharacterSet.decimalDigits], as: .coded)
  }

  // MARK: Classes

  class Base: Codable, @unchecked Sendable {
    var id = 1
  }

  /// With the superclass's values in a container of its own.
  final class Derived: Base, @unchecked Sendable {
    var name = "derived"
    private enum CodingKeys: CodingKey { case name }
    override init() { super.init() }
    required init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      name = try container.decode(String.self, forKey: .name)
      try super.init(from: container.superDecoder())
    }
    override func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try super.encode(to: container.superEncoder())
      try container.encode(name, forKey: .name)
    }
  }

  /// With all values in one container.
  final class Merged: Base, @unchecked Sendable {
    var name = "merged"
    private enum CodingKeys: CodingKey { case name }
    override init() { super.init() }
    required init(from decoder: any Decoder) throws {
      name = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .name)
      try super.init(from: decoder)
    }
    override func encode(to encoder: any Encoder) throws {
      try super.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(name, forKey: .name)
    }
  }

  final class Node: Codable, @unchecked Sendable {
    var value: Int
    var next: Node?
    init(_ value: Int, _ next: Node?) { (self.value, self.next) = (value, next) }
  }

  @Test func classes() throws {
    let derived = Derived()
    (derived.id, derived.name) = (7, "x")
    let back = try crossed(derived)
    #expect(back.id == 7 && back.name == "x")
    let merged = Merged()
    (merged.id, merged.name) = (8, "y")
    let mergedBack = try crossed([merged])[0]
    #expect(mergedBack.id == 8 && mergedBack.name == "y")
    let list = try crossed(Node(1, Node(2, nil)))
    #expect(list.value == 1 && list.next?.value == 2 && list.next?.next == nil)
  }

  private func list(_ length: Int) -> Node {
    (1..<length).reduce(Node(0, nil)) { Node($1, $0) }
  }

  /// Deep nesting is an error on the side of who sends it, and of who receives it, and no crash.
  @Test func depth() throws {
    #expect(try crossed(list(512)).value == 511)
    #expect(throws: EncodingError.self) { try crossed(list(513)) }
    #expect(throws: EncodingError.self) { try crossed(list(10_000)) }
    // As a process would write it that does not keep to the limit.
    var bytes: [UInt8] = []
    for depth in 0..<60_000 {
      bytes.append(BinaryTag.unkeyed.rawValue)
      var rest = depth
      while rest >= 0x80 {
        bytes.append(UInt8(rest & 0x7F) | 0x80)
        rest >>= 7
      }
      bytes.append(UInt8(rest))
    }
    indirect enum Nest: Codable, Sendable {
      case nest([Nest])
      init(from decoder: any Decoder) throws {
        var row = try decoder.unkeyedContainer()
        self = .nest([try row.decode(Nest.self)])
      }
      func encode(to encoder: any Encoder) throws {}
    }
    #expect(throws: DecodingError.self) { try ValueCodec<Nest>().decoded(bytes) }
  }

  /// Arrays around the length from which they are copied on their own, several of them, and read one by one.
  @Test(arguments: [8191, 8192, 8193, 100_000]) func largeArrays(byteCount: Int) throws {
    struct Image: Codable, Equatable {
      var before = "before", bytes: [UInt8], data: Data, numbers: [Int16], after = 1
    }
    let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let image = Image(bytes: bytes, data: Data(bytes), numbers: bytes.map { Int16($0) - 100 })
    #expect(try crossed([image, image]) == [image, image])
    struct OneByOne: Codable {
      var numbers: [Int]
      init(_ numbers: [Int]) { self.numbers = numbers }
      func encode(to encoder: any Encoder) throws {
        var row = encoder.unkeyedContainer()
        try row.encode(numbers)
      }
      init(from decoder: any Decoder) throws {
        var outer = try decoder.unkeyedContainer()
        var row = try outer.nestedUnkeyedContainer()
        numbers = []
        while !row.isAtEnd { numbers.append(Int(try row.decode(Int64.self))) }
      }
    }
    #expect(try crossed(OneByOne(bytes.map { Int($0) })).numbers == bytes.map { Int($0) })
  }

  /// A decoder that somebody has kept gives errors, and nothing of memory that is gone.
  @Test func decodersThatAreKept() throws {
    struct Keeping: Codable, @unchecked Sendable {
      var kept: (any UnkeyedDecodingContainer)?
      init() {}
      func encode(to encoder: any Encoder) throws {
        var row = encoder.unkeyedContainer()
        try row.encode([UInt8](repeating: 7, count: 100_000))
        try row.encode("text")
      }
      init(from decoder: any Decoder) throws { kept = try decoder.unkeyedContainer() }
    }
    var kept = try #require(crossed(Keeping()).kept)
    #expect(throws: CorruptValue.self) { try kept.decode([UInt8].self) }
    #expect(throws: CorruptValue.self) { try kept.nestedUnkeyedContainer() }
    #expect(throws: DecodingError.self) { try kept.decode(String.self) }
  }

  // MARK: Conformances by hand

  /// Containers filled in turns, nested, by index, from superclasses, and asked for twice.
  struct Woven: Codable, Equatable {
    var a: [Int], b: [String: Int], c: [Bool], d: Int?, e: [String]
    private enum Keys: String, CodingKey { case outer, row, d, a }
    init(a: [Int], b: [String: Int], c: [Bool], d: Int?, e: [String]) {
      (self.a, self.b, self.c, self.d, self.e) = (a, b, c, d, e)
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Keys.self)
      var row = container.nestedUnkeyedContainer(forKey: .row)
      let later = row.superEncoder()
      var flags = row.nestedUnkeyedContainer()
      var outer = container.nestedContainer(keyedBy: BinaryKey.self, forKey: .outer)
      for (key, value) in b.sorted(by: { $0.key < $1.key }).prefix(1) {
        try outer.encode(value, forKey: BinaryKey(stringValue: key))
      }
      for flag in c { try flags.encode(flag) }
      try container.encode(d, forKey: .d)
      var again = container.nestedContainer(keyedBy: BinaryKey.self, forKey: .outer)
      for (key, value) in b.sorted(by: { $0.key < $1.key }).dropFirst() {
        try again.encode(value, forKey: BinaryKey(stringValue: key))
      }
      for text in e { try row.encode(text) }
      try row.encodeNil()
      try a.encode(to: later)
      // Twice: the second counts.
      try container.encode([0], forKey: .a)
      try container.encode(a, forKey: .a)
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Keys.self)
      var row = try container.nestedUnkeyedContainer(forKey: .row)
      a = try [Int](from: row.superDecoder())
      var flags = try row.nestedUnkeyedContainer()
      c = []
      while !flags.isAtEnd { c.append(try flags.decode(Bool.self)) }
      d = try container.decodeIfPresent(Int.self, forKey: .d)
      let outer = try container.nestedContainer(keyedBy: BinaryKey.self, forKey: .outer)
      b = try Dictionary(
        uniqueKeysWithValues: outer.allKeys.map { ($0.stringValue, try outer.decode(Int.self, forKey: $0)) })
      e = []
      while try !row.decodeNil() { e.append(try row.decode(String.self)) }
      guard row.isAtEnd, try container.decode([Int].self, forKey: .a) == a else {
        throw CocoaError(.coderInvalidValue)
      }
    }
  }

  @Test func containersInTurns() throws {
    try expectCrossing(
      [
        Woven(a: [1, 2], b: ["x": 1, "y": 2, "z": 3], c: [true, false], d: nil, e: ["e", ""]),
        Woven(a: [], b: [:], c: [], d: 4, e: []),
      ], as: .coded)
  }

  /// A number that is written as one type and read as another, and arrays that are read one by one.
  @Test func numbersOfOtherTypes() throws {
    struct Lenient: Codable, Equatable {
      var numbers: [Int], double: Double, small: UInt8
      enum Keys: CodingKey { case numbers, double, small }
      init(numbers: [Int], double: Double, small: UInt8) {
        (self.numbers, self.double, self.small) = (numbers, double, small)
      }
      func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode(numbers.map { Int16($0) }, forKey: .numbers)
        try container.encode(Int(double), forKey: .double)
        try container.encode(Double(small), forKey: .small)
      }
      init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        var row = try container.nestedUnkeyedContainer(forKey: .numbers)
        #expect(row.count == 3)
        numbers = []
        while !row.isAtEnd { numbers.append(try row.decode(Int.self)) }
        #expect(try container.decode([Int64].self, forKey: .numbers) == numbers.map(Int64.init))
        double = try container.decode(Double.self, forKey: .double)
        small = try container.decode(UInt8.self, forKey: .small)
        _ = #expect(throws: DecodingError.self) { try container.decode(String.self, forKey: .double) }
        _ = #expect(throws: DecodingError.self) { try container.decode([UInt8].self, forKey: .numbers) }
      }
    }
    let value = Lenient(numbers: [1, -2, 300], double: 7, small: 200)
    #expect(try crossed(value) == value)
  }

  struct Refusing: Codable {
    struct No: Error {}
    var isSent = true
    func encode(to encoder: any Encoder) throws { if isSent { throw No() } }
    init() {}
    init(from decoder: any Decoder) throws { throw No() }
  }

  @Test func errorsOfTheValue() throws {
    struct Holder: Codable { var text = "", refusing = Refusing() }
    #expect(throws: Refusing.No.self) { try crossed(Holder()) }
    var holder = Holder()
    holder.refusing.isSent = false
    #expect(throws: Refusing.No.self) { try crossed(holder) }
  }

  /// Misuse of an encoder is an error.
  @Test func encodingInTwoWays() throws {
    struct Twice: Codable {
      var text = ""
      init() {}
      init(from decoder: any Decoder) throws {}
      func encode(to encoder: any Encoder) throws {
        _ = encoder.container(keyedBy: BinaryKey.self)
        _ = encoder.unkeyedContainer()
      }
    }
    #expect(throws: EncodingError.self) { try crossed(Twice()) }
  }

  /// Errors say where.
  @Test func pathsInErrors() throws {
    struct Old: Codable { var rows: [[String: Bool]], text = "" }
    struct New: Codable { var rows: [[String: String]] }
    let encoded = try ValueCodec<Old>().encoded(Old(rows: [[:], ["x": true]]))
    do {
      _ = try ValueCodec<New>().decoded(encoded.bytes)
      Issue.record("decoded as another type")
    } catch DecodingError.typeMismatch(_, let context) {
      #expect(context.codingPath.map(\.stringValue) == ["rows", "Index 1", "x"])
    }
  }
}
