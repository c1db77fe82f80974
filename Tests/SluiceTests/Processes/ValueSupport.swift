import Testing

@testable import Sluice

/// A value of a type, as bytes and the shared memory that goes with them.
struct Encoded {
  var bytes: [UInt8]
  var handles: HandleList
}

extension ValueCodec {
  /// As the exchange does it: into memory that is exactly as long as what was asked for.
  func encoded(_ value: Value) throws -> Encoded {
    var handles = HandleList()
    var memory: UnsafeMutableRawBufferPointer?
    defer { memory?.deallocate() }
    try encode(value, handles: &handles) { byteCount in
      #expect(memory == nil, "room is asked for once")
      let room = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 8)
      memory = room
      return room.baseAddress!
    }
    return Encoded(bytes: Array(try #require(memory)), handles: handles)
  }

  /// From memory that is exactly as long, so that AddressSanitizer sees a read beyond it.
  func decoded(_ bytes: [UInt8], handles: HandleList = HandleList()) throws -> Value {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
    defer { memory.deallocate() }
    memory.copyBytes(from: bytes)
    return try decode(UnsafeRawBufferPointer(memory), handles: handles)
  }
}

enum FormName: String { case bitwise, contiguous, coded }

extension ValueCodec {
  var formName: FormName {
    switch form {
    case .bitwise: .bitwise
    case .contiguous: .contiguous
    case .coded: .coded
    }
  }
}

/// The value after a hand-over.
func crossed<Value: Codable & Sendable>(_ value: Value) throws -> Value {
  let codec = ValueCodec<Value>()
  let encoded = try codec.encoded(value)
  return try codec.decoded(encoded.bytes, handles: encoded.handles)
}

/// Values of a type come out as they went in, and the type has this form.
func expectCrossing<Value: Codable & Sendable & Equatable>(
  _ values: [Value], as form: FormName, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  #expect(ValueCodec<Value>().formName == form, "\(Value.self)", sourceLocation: sourceLocation)
  for value in values {
    #expect(try crossed(value) == value, sourceLocation: sourceLocation)
    // The same inside of something else.
    #expect(try crossed(Around(value: value)) == Around(value: value), sourceLocation: sourceLocation)
    #expect(try crossed([value, value]) == [value, value], sourceLocation: sourceLocation)
    #expect(try crossed(["a": value]) == ["a": value], sourceLocation: sourceLocation)
    #expect(try crossed(Value?.some(value)) == .some(value), sourceLocation: sourceLocation)
  }
  #expect(try crossed(Value?.none) == .none, sourceLocation: sourceLocation)
  #expect(try crossed(values) == values, sourceLocation: sourceLocation)
}

/// Something with a value in it that is not bitwise.
struct Around<Value: Codable & Sendable & Equatable>: Codable, Sendable, Equatable {
  var before = "before"
  var value: Value
  var after = [1, 2, 3]
}
