import Foundation
import Testing

@testable import Sluice

private struct PrivateError: Error, Codable, Equatable { var code: Int, text: String? }
private struct GenericError<Detail: Codable & Sendable & Equatable>: Error, Codable, Equatable {
  var detail: Detail
}

/// Errors come out as what was thrown, or say what was.
@Suite(.watchdog()) struct ProcessesErrorCodecTests {
  enum Failure: Error, Codable, Equatable {
    case notFound(path: String)
    case other
  }
  struct Plain: Error {}
  struct Refusing: Error, Codable {
    func encode(to encoder: any Encoder) throws { throw Plain() }
    init() {}
    init(from decoder: any Decoder) throws {}
  }
  struct Long: Error, CustomStringConvertible {
    var description: String { String(repeating: "ä", count: 100_000) }
  }

  private func crossed(_ error: any Error) throws -> any Error {
    var handles = HandleList()
    let bytes = ErrorCodec.encode(error, handles: &handles)
    return try bytes.withUnsafeBytes { try ErrorCodec.decode($0, handles: handles) }
  }

  private func expectSame<Thrown: Error & Equatable>(
    _ error: Thrown, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(try crossed(error) as? Thrown == error, sourceLocation: sourceLocation)
  }

  @Test func codableErrors() throws {
    struct Local: Error, Codable, Equatable { var at = Date(timeIntervalSinceReferenceDate: 0.1) }
    try expectSame(Failure.notFound(path: "/a\0b"))
    try expectSame(Failure.other)
    try expectSame(PrivateError(code: .min, text: nil))
    try expectSame(GenericError(detail: PrivateError(code: 1, text: "x")))
    try expectSame(Local())
    try expectSame(RemoteError(typeName: "A", description: "b"))
    // With shared memory in it.
    let shared = try SharedArray([1, 2, 3])
    let back = try crossed(GenericError(detail: shared))
    #expect((back as? GenericError<SharedArray<Int>>)?.detail == shared)
  }

  @Test func otherErrors() throws {
    let plain = try #require(crossed(Plain()) as? RemoteError)
    #expect(plain.typeName.hasSuffix("ProcessesErrorCodecTests.Plain"))
    #expect(plain.description == "Plain()")
    #expect(try crossed(plain) as? RemoteError == plain)
    #expect(try crossed(Refusing()) is RemoteError)
    #expect(try crossed(CancellationError()) is RemoteError)
    let long = try #require(crossed(Long()) as? RemoteError)
    #expect(long.description.utf8.count <= 16_400 && long.description.hasPrefix("ää"))
    let system = try #require(crossed(CocoaError(.fileNoSuchFile)) as? RemoteError)
    #expect(!system.description.isEmpty)
  }

  /// Only errors can be made of what says that it is one.
  @Test func bytesThatAreNoErrors() throws {
    func bytes(of type: Any.Type, _ rest: [UInt8]) throws -> [UInt8] {
      let identity = try TypeIdentity(type).bytes
      return [2] + withUnsafeBytes(of: UInt32(identity.count)) { Array($0) } + identity + rest
    }
    let number = try BinaryEncoder.encode(7, handles: HandleList()).bytes
    for bytes in [
      [], [0], [1], [3], [2, 255, 255, 255, 255], try bytes(of: Int.self, number),
      try bytes(of: Plain.self, number),
    ] as [[UInt8]] {
      #expect(throws: CorruptValue.self) {
        try bytes.withUnsafeBytes { try ErrorCodec.decode($0, handles: HandleList()) }
      }
    }
    #expect(throws: DecodingError.self) {
      try bytes(of: PrivateError.self, number).withUnsafeBytes {
        try ErrorCodec.decode($0, handles: HandleList())
      }
    }
  }
}
