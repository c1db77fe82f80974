/// The keys from the outermost value to an inner one, put together only when somebody asks.
final class BinaryPath {
  let key: any CodingKey
  let outer: BinaryPath?

  init(_ key: any CodingKey, in outer: BinaryPath?) {
    self.key = key
    self.outer = outer
  }

  static func keys(_ last: BinaryPath?) -> [any CodingKey] {
    var keys: [any CodingKey] = []
    var next = last
    while let path = next {
      keys.append(path.key)
      next = path.outer
    }
    return keys.reversed()
  }
}

/// A key where there is no type for keys: a place in a row, or that of a superclass.
struct BinaryKey: CodingKey {
  let intValue: Int?
  private let name: String?

  init(stringValue: String) {
    name = stringValue
    intValue = nil
  }

  init(intValue: Int) {
    name = nil
    self.intValue = intValue
  }

  var stringValue: String { name ?? "Index \(intValue ?? 0)" }

  /// As Foundation's encoders name it.
  static let `super` = BinaryKey(stringValue: "super")
}
