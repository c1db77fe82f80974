import Foundation
import Testing

@testable import Sluice

/// Random values come through; random and damaged bytes give a value or an error. With SLUICE_SEED it repeats a run.
@Suite(.watchdog()) struct ProcessesHostileValueTests {
  enum Colour: UInt8, Codable, Hashable, BitwiseCopyable { case red, green, blue }
  struct Plain: Codable, Hashable {
    var a: Int8?
    var b: Colour
    var c: Bool
    var d: Double?
    var e: Colour?
  }
  struct Holder: Codable, Hashable {
    var shared: SharedBytes, array: SharedArray<Int32>, text: String, flags: SharedArray<Bool>
  }
  private struct Failure: Error, Codable, Hashable { var values: [Anything] }

  @Test func randomValuesComeThrough() throws {
    var random = seededGenerator()
    for _ in 0..<2000 {
      let value = random.anything()
      #expect(try crossed(value) == value)
      let row = random.row(5) { $0.anything(depth: 2) }
      #expect(try crossed(row) == row)
    }
  }

  /// Whatever comes out can be used: hashed, compared and sent on. It is not described, since Foundation traps at the
  /// description of some dates.
  private func decodeAndUse<Value: Codable & Hashable & Sendable>(
    _ type: Value.Type, _ bytes: [UInt8], _ handles: HandleList = HandleList()
  ) -> Bool {
    let codec = ValueCodec<Value>()
    guard let value = try? codec.decoded(bytes, handles: handles) else { return false }
    _ = value.hashValue
    _ = try? codec.encoded(value)
    return value == value
  }

  private func mutated(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
      let place = bytes.indices.randomElement(using: &random)!
      switch Int.random(in: 0..<6, using: &random) {
      case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 1: bytes[place] = [0, 1, 2, 127, 128, 255].randomElement(using: &random)!
      case 2: bytes.remove(at: place)
      case 3: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
      case 4: bytes.removeSubrange(place...)
      default: bytes.insert(contentsOf: bytes[..<place], at: place)
      }
    }
    return bytes
  }

  private func attack<Value: Codable & Hashable & Sendable>(_ value: Value, _ random: inout SeededGenerator)
    throws
  {
    let encoded = try ValueCodec<Value>().encoded(value)
    for place in encoded.bytes.indices.prefix(200) {
      var bytes = encoded.bytes
      for byte in [UInt8(0), 255, bytes[place] &+ 1, bytes[place] ^ 0x80] {
        bytes[place] = byte
        _ = decodeAndUse(Value.self, bytes, encoded.handles)
      }
      _ = decodeAndUse(Value.self, Array(encoded.bytes[..<place]), encoded.handles)
    }
    for _ in 0..<300 { _ = decodeAndUse(Value.self, mutated(encoded.bytes, &random), encoded.handles) }
    _ = decodeAndUse(Value.self, encoded.bytes)
  }

  @Test func damagedBytes() throws {
    var random = seededGenerator()
    let holder = Holder(
      shared: try SharedBytes(Array(0..<200)), array: try SharedArray([1, 2, 3]), text: "text",
      flags: try SharedArray([true, false]))
    try attack(holder, &random)
    try attack(Plain(a: 1, b: .red, c: true, d: nil, e: nil), &random)
    try attack([Plain(a: nil, b: .green, c: false, d: 1, e: .blue)], &random)
    try attack(["text 🧵", nil, ""], &random)
    try attack("text 🧵 that is rather long", &random)
    try attack(CodedValue.everything, &random)
    try attack(["long": [UInt8](repeating: 7, count: 9000), "short": [1]], &random)
    for _ in 0..<20 { try attack(random.anything(), &random) }
  }

  private enum CodedValue { static let everything = ProcessesCodedValueTests.Everything() }

  @Test func randomBytes() throws {
    var random = seededGenerator()
    let handles = HandleList(received: [try SharedMemory(byteCount: 10) { $0[0] = 1 }])
    for _ in 0..<10_000 {
      // Small numbers are tags, containers and lengths more often.
      let most: UInt8 = Bool.random(using: &random) ? 255 : 16
      let bytes = random.row(60) { UInt8.random(in: 0...most, using: &$0) }
      _ = decodeAndUse(Anything.self, bytes, handles)
      _ = decodeAndUse([Anything?].self, bytes, handles)
      _ = decodeAndUse(Holder.self, bytes, handles)
      _ = decodeAndUse(Plain.self, bytes)
      _ = decodeAndUse([Plain].self, bytes)
      _ = decodeAndUse([Colour?].self, bytes)
      _ = decodeAndUse(String.self, bytes)
      _ = decodeAndUse(Int.self, bytes)
      _ = TypeIdentity(untrusted: bytes).find()
      _ = bytes.withUnsafeBytes { try? ErrorCodec.decode($0, handles: handles) }
    }
  }

  @Test func damagedErrors() throws {
    var random = seededGenerator()
    struct Other: Error {}
    for _ in 0..<100 {
      var handles = HandleList()
      let error: any Error =
        Bool.random(using: &random) ? Failure(values: [random.anything(depth: 2)]) : Other()
      let bytes = ErrorCodec.encode(error, handles: &handles)
      for _ in 0..<100 {
        let damaged = mutated(bytes, &random)
        if let decoded = try? damaged.withUnsafeBytes({ try ErrorCodec.decode($0, handles: handles) }) {
          _ = (decoded as? Failure)?.hashValue
        }
      }
    }
  }

  /// Every place of an identity, with what may lead somewhere else.
  @Test func damagedIdentities() throws {
    var random = seededGenerator()
    for type in [Failure.self, Int.self, [Failure].self, Holder.self, [String: Failure?].self] as [Any.Type] {
      let bytes = try TypeIdentity(type).bytes
      for _ in 0..<1000 {
        if let found = TypeIdentity(untrusted: mutated(bytes, &random)).find() { _ = "\(found)".utf8.count }
      }
    }
  }
}
