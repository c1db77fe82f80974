/// How a value crosses that is neither trivial nor one run of bytes: what its `encode(to:)` says, as a log.
///
/// Each thing that a container is told is one entry: a tag, the number of the container (they are counted as they
/// appear; 0 is around the value itself), the key if that container has keys, and what the tag says. So nothing has to
/// be put together when containers are filled in turns, nor measured before it is written, and a reader finds that each
/// container has one place.
///
/// JSON and property lists were tried (docs/design.md): each loses values silently.
enum BinaryTag: UInt8 {
  /// Followed by two bytes: see `BinaryNil`.
  case `nil` = 0
  case `false`, `true`
  /// A variable-length number: a signed one in zigzag, or one beyond `Int64.max`.
  case signed, unsigned
  /// 16 bytes.
  case wideSigned, wideUnsigned
  /// 4 and 8 bytes.
  case float, double
  /// A length and UTF-8.
  case string
  /// An element's `PackedElement`, the number of bytes, the elements.
  case packed
  /// Containers. `forwarding` stands for the one thing in it.
  case keyed, unkeyed, forwarding
  /// A place in the list of handles, and a number of bytes.
  case shared

  var isContainer: Bool { self == .keyed || self == .unkeyed || self == .forwarding }
}

/// Which nil it was: `Int??` has two. `level` says how many Optionals had been entered when there was nothing more to
/// enter, 1 for the outermost nil, and 0 for an `encodeNil` by hand; `depth` how many Optionals the type has around
/// each other.
struct BinaryNil {
  var level: UInt8
  var depth: UInt8
}

/// What an array of numbers is of, whose elements stand one behind the other.
enum PackedElement: UInt8, CaseIterable {
  case int8 = 1
  case int16, int32, int64, uint8, uint16, uint32, uint64, float, double

  var byteCount: Int {
    switch self {
    case .int8, .uint8: 1
    case .int16, .uint16: 2
    case .int32, .uint32, .float: 4
    case .int64, .uint64, .double: 8
    }
  }
}

enum BinaryLimit {
  /// How deep values stand in each other, in either direction: each level takes stack in `encode(to:)` and `init(from:)`.
  /// It is the limit of Foundation's JSON too.
  static let depth = 512
  /// From how many bytes on a packed run is copied once, from the array to where the log goes and back to an array, and
  /// not with the log.
  static let largeRun = 8192
}

/// An array of numbers or a `Data` inside a `Codable` value: which elements, and how to get at them.
struct PackedForm: Sendable {
  let element: PackedElement
  let form: ContiguousForm

  /// A few nanoseconds: this is asked for each nested value.
  static func of(_ type: Any.Type) -> PackedForm? {
    let metadata = TypeMetadata(type)
    guard metadata.kind == .struct, let descriptor = metadata.descriptor?.start else { return nil }
    let address = UInt(bitPattern: descriptor)
    guard address == arrayDescriptor || address == dataDescriptor else { return nil }
    return known[ObjectIdentifier(type)]
  }

  private static let arrayDescriptor = address([Int].self)
  private static let dataDescriptor = ContiguousForm.dataType.flatMap(address)

  private static func address(_ type: Any.Type) -> UInt? {
    TypeMetadata(type).descriptor.map { UInt(bitPattern: $0.start) }
  }

  private static let known: [ObjectIdentifier: PackedForm] = {
    var types: [(Any.Type, PackedElement)] = [
      ([Int8].self, .int8), ([Int16].self, .int16), ([Int32].self, .int32), ([Int64].self, .int64),
      ([UInt8].self, .uint8), ([UInt16].self, .uint16), ([UInt32].self, .uint32), ([UInt64].self, .uint64),
      ([Int].self, .int64), ([UInt].self, .uint64), ([Float].self, .float), ([Double].self, .double),
    ]
    if let data = ContiguousForm.dataType { types.append((data, .uint8)) }
    var forms: [ObjectIdentifier: PackedForm] = [:]
    for (type, element) in types {
      forms[ObjectIdentifier(type)] = ContiguousForm(type).map { PackedForm(element: element, form: $0) }
    }
    return forms
  }()
}
