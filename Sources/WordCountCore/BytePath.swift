/// The path of a file or folder, as the bytes that the system knows it by.
///
/// A path on Linux is any run of bytes without NUL, not necessarily UTF-8; a `String` would repair
/// what is not, and then name a file that does not exist.
public struct BytePath: Sendable, Hashable {
  /// The bytes of the path, closed by one NUL.
  private let terminated: [UInt8]

  /// The path that `string` spells, up to its first NUL if it has one.
  public init(_ string: String) {
    terminated = string.utf8.prefix { $0 != 0 } + [0]
  }

  private init(terminated: [UInt8]) {
    self.terminated = terminated
  }

  /// The bytes of the path, without the closing NUL.
  public var bytes: ArraySlice<UInt8> { terminated.dropLast() }

  /// The path of the entry `name` (bytes without NUL) in the folder that this path names.
  public func appending(_ name: some Collection<UInt8>) -> BytePath {
    var joined: [UInt8] = []
    joined.reserveCapacity(terminated.count + name.count + 1)
    joined += bytes
    if joined.last != UInt8(ascii: "/") { joined.append(UInt8(ascii: "/")) }
    joined += name
    joined.append(0)
    return BytePath(terminated: joined)
  }

  /// Calls `body` with the path as a C string, valid during the call.
  public func withCString<Result>(_ body: (UnsafePointer<CChar>) throws -> Result) rethrows -> Result {
    try terminated.withUnsafeBytes { raw in
      // The array always holds at least its NUL, so the fallback is never taken.
      guard let start = raw.baseAddress else { return try "".withCString(body) }
      return try body(start.assumingMemoryBound(to: CChar.self))
    }
  }
}

/// As the bytes of the path.
extension BytePath: Codable {
  public init(from decoder: any Decoder) throws {
    let bytes = try decoder.singleValueContainer().decode([UInt8].self)
    self.init(terminated: bytes.prefix { $0 != 0 } + [0])
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(Array(bytes))
  }
}

extension BytePath: CustomStringConvertible {
  /// The path for a person to read: bytes that are not UTF-8 are shown as U+FFFD, and control
  /// characters as `\u{1B}`, so that a name cannot steer the terminal that it is printed on.
  public var description: String {
    var shown = ""
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator:
        shown += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      default:
        shown.unicodeScalars.append(scalar)
      }
    }
    return shown
  }
}
