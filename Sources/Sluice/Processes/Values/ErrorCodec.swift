/// How thrown errors cross: an error of a `Codable` type as what it is, any other as a `RemoteError`.
enum ErrorCodec {
  /// First a byte, then the bytes of a `TypeIdentity` by their number, then the error's own.
  private enum Form: UInt8 {
    case described = 1
    case coded
  }

  /// The bytes of an error; the shared memory that it holds is appended to `handles`. Nothing can go wrong: what cannot be
  /// encoded is described.
  static func encode(_ error: any Error, handles: inout HandleList) -> [UInt8] {
    if let coded = error as? any Error & Codable, !(error is RemoteError),
      let identity = try? TypeIdentity(type(of: coded)),
      let encoded = try? BinaryEncoder.encode(coded, handles: handles), let bytes = try? encoded.bytes
    {
      handles = encoded.handles
      return [Form.coded.rawValue] + number(identity.bytes.count) + identity.bytes + bytes
    }
    let remote = RemoteError(describing: error)
    // A structure of two strings can be encoded.
    let encoded = try? BinaryEncoder.encode(remote, handles: HandleList()).bytes
    return [Form.described.rawValue] + (encoded ?? [])
  }

  private static func number(_ count: Int) -> [UInt8] {
    withUnsafeBytes(of: UInt32(count).littleEndian) { Array($0) }
  }

  /// The error in bytes that are not trusted. Throws `CorruptValue`, or what the error's `init(from:)` throws, if there is
  /// none.
  static func decode(_ bytes: UnsafeRawBufferPointer, handles: HandleList) throws -> any Error {
    // A copy, since an error is rare and its parts are read one after the other.
    try Array(bytes).withUnsafeBytes { bytes in
      var reader = BinaryReader(bytes)
      guard let form = Form(rawValue: try reader.byte()) else {
        throw CorruptValue("an unknown form of error")
      }
      if form == .described {
        return try BinaryDecoder.decode(RemoteError.self, from: rest(&reader, bytes), handles: HandleList())
      }
      let count = UInt32(
        littleEndian: bytes.loadUnaligned(fromByteOffset: try reader.skip(4).lowerBound, as: UInt32.self))
      let identity = TypeIdentity(untrusted: Array(bytes[try reader.skip(UInt64(count))]))
      guard let type = identity.find() as? any (Error & Codable).Type else {
        throw CorruptValue("a type of error that is not here")
      }
      return try BinaryDecoder.decode(type, from: rest(&reader, bytes), handles: handles)
    }
  }

  private static func rest(_ reader: inout BinaryReader, _ bytes: UnsafeRawBufferPointer) throws
    -> UnsafeRawBufferPointer
  {
    UnsafeRawBufferPointer(rebasing: bytes[try reader.skip(UInt64(bytes.count - reader.offset))])
  }
}
