/// How the bytes of a trivial type are checked after another process has had them in its hands: not every pattern of
/// bits is a value, and what is none must not become one. A Bool of 77 or an enum beyond its last case is undefined
/// behaviour at the first `switch`.
///
/// There is a plan only for what is understood to the last byte: numbers, `Bool`, SIMD vectors, enums without
/// payload, Optionals of these (and of structs) that have a byte of their own for nil, and structs and tuples of all that.
/// The rest (pointers of any kind, ranges and other types of the standard library that promise something about
/// their fields, enums with payloads, what C has declared) crosses by its `Codable` conformance.
@usableFromInline
struct BitwisePlan: Sendable {
  /// One thing to look at.
  private enum Check {
    /// A number of `byteCount` bytes (1 or 2) that must be less than `limit`.
    case below(offset: Int, byteCount: Int, limit: UInt16)
    /// A byte that is 0 for a value or 1 for nil. For nil, the payload is set to zero, and the `checks` checks that
    /// follow do not apply.
    case optional(tag: Int, payload: Range<Int>, checks: Int)
  }

  private var checks: [Check] = []

  /// The plan for a type; nil if it is not trivial or not understood.
  init?(_ type: Any.Type) {
    guard TypeMetadata(type).isTrivial, let checks = Self.checks(type, at: 0) else { return nil }
    self.checks = checks
  }

  /// Whether every pattern of bits is a value.
  @usableFromInline
  var isTotal: Bool { checks.isEmpty }

  // MARK: Checking

  /// Whether the bytes are a value. Nobody else may be able to write them. They are changed where they would be
  /// the same value in a form that Swift never writes.
  @usableFromInline
  func accepts(_ bytes: UnsafeMutableRawPointer) -> Bool {
    var next = 0
    while next < checks.count {
      switch checks[next] {
      case .below(let offset, let byteCount, let limit):
        let number =
          byteCount == 1
          ? UInt16((bytes + offset).load(as: UInt8.self)) : (bytes + offset).loadUnaligned(as: UInt16.self)
        if number >= limit { return false }
        next += 1
      case .optional(let tag, let payload, let inner):
        let byte = (bytes + tag).load(as: UInt8.self)
        if byte > 1 { return false }
        next += 1
        if byte == 1 {
          (bytes + payload.lowerBound).initializeMemory(as: UInt8.self, repeating: 0, count: payload.count)
          next += inner
        }
      }
    }
    return true
  }

  // MARK: Planning

  /// The checks of a value of this type at this offset; nil if they are not known.
  private static func checks(_ type: Any.Type, at offset: Int) -> [Check]? {
    if type == Bool.self { return [.below(offset: offset, byteCount: 1, limit: 2)] }
    if totalTypes.contains(ObjectIdentifier(type)) { return [] }
    let metadata = TypeMetadata(type)
    switch metadata.kind {
    case .struct:
      guard let descriptor = metadata.descriptor, let module = descriptor.module else { return nil }
      if module == "Swift" { return isVectorOfNumbers(type) ? [] : nil }
      guard mayLookInside(module, descriptor.name) else { return nil }
      return parts(metadata, at: offset)
    case .tuple:
      return parts(metadata, at: offset)
    case .enum:
      guard let descriptor = metadata.descriptor, let module = descriptor.module,
        mayLookInside(module, descriptor.name), let count = metadata.plainCaseCount
      else { return nil }
      return [.below(offset: offset, byteCount: metadata.size, limit: UInt16(count))].filter { _ in count > 1
      }
    case .optional:
      return optional(metadata, at: offset)
    default:
      return nil
    }
  }

  private static func parts(_ metadata: TypeMetadata, at offset: Int) -> [Check]? {
    guard let parts = metadata.parts else { return nil }
    var all: [Check] = []
    for part in parts {
      guard let checks = checks(part.type, at: offset + part.offset) else { return nil }
      all += checks
    }
    return all
  }

  private static func optional(_ metadata: TypeMetadata, at offset: Int) -> [Check]? {
    let wrapped = TypeMetadata(metadata.wrapped)
    guard let inner = checks(wrapped.type, at: offset) else { return nil }
    if metadata.size == wrapped.size + 1 {
      let payload = offset..<(offset + wrapped.size)
      return [.optional(tag: payload.upperBound, payload: payload, checks: inner.count)] + inner
    }
    // nil is the first pattern that is no value of a Bool or a plain enum of up to 255 cases.
    let isNumbered = wrapped.type == Bool.self || wrapped.kind == .enum
    guard metadata.size == 1, wrapped.size == 1, isNumbered, inner.count == 1,
      case .below(_, 1, let limit) = inner[0], limit < 256
    else { return nil }
    return [.below(offset: offset, byteCount: 1, limit: limit + 1)]
  }

  /// Types of which every pattern of bits is a value.
  private static let totalTypes = Set(
    ([
      Int.self, Int8.self, Int16.self, Int32.self, Int64.self, Int128.self,
      UInt.self, UInt8.self, UInt16.self, UInt32.self, UInt64.self, UInt128.self,
      Float16.self, Float.self, Double.self, Duration.self,
    ] as [Any.Type]).map { ObjectIdentifier($0) })

  private static func isVectorOfNumbers(_ type: Any.Type) -> Bool {
    func isOfNumbers<Vector: SIMD>(_: Vector.Type) -> Bool {
      // A mask is a vector too, of Int, but all bits of an element are the same.
      "\(Vector.self)".hasPrefix("SIMD") && !"\(Vector.self)".hasPrefix("SIMDMask")
        && totalTypes.contains(ObjectIdentifier(Vector.Scalar.self))
    }
    guard let vector = type as? any SIMD.Type else { return false }
    return isOfNumbers(vector)
  }

  /// Types that keep promises about their fields (`Range`, `DateInterval`) must be made by their own initialisers. Which
  /// types of the toolchain's libraries keep none is known; those of C have layouts that Swift does not describe.
  private static func mayLookInside(_ module: String, _ name: String) -> Bool {
    switch module {
    case "FoundationEssentials", "Foundation": ["Date", "UUID", "CGFloat"].contains(name)
    case "Swift", "_Concurrency", "Synchronization", "Dispatch", "FoundationInternationalization", "__C",
      "__C_Synthesized", "_StringProcessing", "_Builtin_float", "System", "Observation":
      false
    default: true
    }
  }
}
