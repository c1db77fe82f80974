/// Bytes in memory that processes share: written once, then never changed, and passed to and from process stages
/// without a copy, alone or anywhere inside a `Codable` value.
///
/// Use it for what is large (images, tables): each takes a file descriptor in every process that holds it, and some
/// microseconds to make. The memory is freed when nobody holds it any more, in no process, be they ended or killed.
///
/// Two are equal if their bytes are. Another encoder than a process stage's, JSON's for example, encodes the bytes.
public struct SharedBytes: Sendable {
  /// nil: no bytes.
  private let memory: SharedMemory?
  /// The number of bytes.
  public let count: Int

  /// Makes `byteCount` bytes, 0 or more, which are zero until `initializing` writes them. Throws `SharedMemoryError`, or
  /// what `initializing` throws; then there are none.
  public init(
    byteCount: Int, initializing: (UnsafeMutableRawBufferPointer) throws -> Void
  ) throws {
    guard byteCount >= 0 else {
      throw SharedMemoryError(.invalidSize, "byteCount must be 0 or more, and is \(byteCount)")
    }
    if byteCount == 0 {
      try initializing(UnsafeMutableRawBufferPointer(start: nil, count: 0))
      memory = nil
    } else {
      memory = try SharedMemory(byteCount: byteCount, initializing: initializing)
    }
    count = byteCount
  }

  /// A copy of `bytes`. Throws `SharedMemoryError`.
  public init(_ bytes: some Collection<UInt8>) throws {
    try self.init(byteCount: bytes.count) { $0.copyBytes(from: bytes) }
  }

  /// What another process has sent, of which the first `byteCount` bytes count: no more than there are.
  init(received memory: SharedMemory, byteCount: Int) {
    self.memory = memory
    count = byteCount
  }

  /// Calls `body` with the bytes, which must not be used after it returns.
  public func withUnsafeBytes<Result>(
    _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    try withExtendedLifetime(memory) { try body(bytes) }
  }

  /// Valid while this lives.
  var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: memory?.bytes.baseAddress, count: count)
  }
}

extension SharedBytes: Hashable {
  public static func == (a: SharedBytes, b: SharedBytes) -> Bool {
    guard a.count == b.count else { return false }
    if a.memory === b.memory { return true }
    return a.withUnsafeBytes { a in b.withUnsafeBytes { b in a.isEqual(to: b) } }
  }

  public func hash(into hasher: inout Hasher) {
    withUnsafeBytes { hasher.combine(bytes: $0) }
  }
}

extension SharedBytes: CustomStringConvertible {
  public var description: String { "SharedBytes(\(count) bytes)" }
}

extension SharedBytes: Codable {
  public func encode(to encoder: any Encoder) throws {
    if let encoder = encoder as? BinaryEncoder, let memory {
      try encoder.encode(memory, byteCount: count)
    } else {
      try withUnsafeBytes { try [UInt8]($0).encode(to: encoder) }
    }
  }

  public init(from decoder: any Decoder) throws {
    if let received = try (decoder as? BinaryDecoder)?.sharedMemory() {
      self.init(received: received.memory, byteCount: received.byteCount)
    } else {
      try self.init([UInt8](from: decoder))
    }
  }
}
