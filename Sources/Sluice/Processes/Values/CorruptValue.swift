/// Bytes from another process that are no value of the type they should be.
@usableFromInline
struct CorruptValue: Error, CustomStringConvertible {
  /// What is wrong with them.
  let reason: String

  init(_ reason: String) { self.reason = reason }

  @usableFromInline
  var description: String { "the bytes of a value from another process cannot be used: \(reason)" }

  /// Not inlined: nothing of this stands on the path of an item.
  @usableFromInline @inline(never)
  static func wrongSize(_ type: Any.Type, _ byteCount: Int, expected: Int) -> CorruptValue {
    CorruptValue("\(byteCount) bytes for a value of \(type), which takes \(expected)")
  }

  @usableFromInline @inline(never)
  static func invalid(_ type: Any.Type) -> CorruptValue { CorruptValue("they are no value of \(type)") }
}
