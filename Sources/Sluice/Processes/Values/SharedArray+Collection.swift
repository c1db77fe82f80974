extension SharedArray: RandomAccessCollection {
  @inlinable public var startIndex: Int { 0 }
  @inlinable public var endIndex: Int { count }

  @inlinable
  public subscript(index: Int) -> Element {
    precondition(index >= 0 && index < count, "index out of range")
    return withExtendedLifetime(storage) { start.unsafelyUnwrapped[index] }
  }

  @inlinable
  public func withContiguousStorageIfAvailable<Result>(
    _ body: (UnsafeBufferPointer<Element>) throws -> Result
  ) rethrows -> Result? {
    try withUnsafeBufferPointer(body)
  }
}

extension SharedArray: Equatable where Element: Equatable {
  public static func == (a: SharedArray, b: SharedArray) -> Bool { a.elementsEqual(b) }
}

extension SharedArray: Hashable where Element: Hashable {
  public func hash(into hasher: inout Hasher) {
    hasher.combine(count)
    for element in self { hasher.combine(element) }
  }
}

extension SharedArray: CustomStringConvertible {
  public var description: String { "SharedArray<\(Element.self)>(\(count) elements)" }
}

/// As the bytes of the elements.
extension SharedArray: Codable {
  public func encode(to encoder: any Encoder) throws { try storage.encode(to: encoder) }

  public init(from decoder: any Decoder) throws { try self.init(received: SharedBytes(from: decoder)) }
}
