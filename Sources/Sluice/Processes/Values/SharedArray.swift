/// An array in memory that processes share: written once, then never changed, and passed to and from process stages
/// without a copy, alone or anywhere inside a `Codable` value. See `SharedBytes`, which it is with elements.
///
/// The elements are numbers, `Bool`, vectors, enums without payload, and structs of these: what means the same in every
/// process, and can be looked over when a process brings it back. For types of which not every pattern of bits is a
/// value (`Bool`, enums), that takes time for each element, once for each hand-over; otherwise a hand-over takes the
/// same time for any length.
public struct SharedArray<Element: BitwiseCopyable>: @unchecked Sendable {
  // Unchecked, since the pointer leads to what nobody can change, and elements that can be shared at all hold nothing
  // but numbers.

  @usableFromInline let storage: SharedBytes
  /// Valid while `storage` lives; nil if there are no bytes.
  @usableFromInline let start: UnsafePointer<Element>?
  /// The number of elements.
  public let count: Int

  /// Makes `count` elements, 0 or more, of which `initializing` must initialise all; before, their bytes are zero. Throws
  /// `SharedMemoryError`, or what `initializing` throws; then there are none.
  public init(
    count: Int, initializing: (UnsafeMutableBufferPointer<Element>) throws -> Void
  ) throws {
    let byteCount = try Self.byteCount(count)
    _ = try Self.plan()
    let storage = try SharedBytes(byteCount: byteCount) {
      try initializing($0.bindMemory(to: Element.self))
    }
    self.init(storage, count: count)
  }

  private init(_ storage: SharedBytes, count: Int) {
    self.storage = storage
    start = storage.bytes.baseAddress?.assumingMemoryBound(to: Element.self)
    self.count = count
  }

  /// A copy of `elements`. Throws `SharedMemoryError`.
  public init(_ elements: some Collection<Element>) throws {
    try self.init(count: elements.count) {
      guard $0.initialize(fromContentsOf: elements) == $0.count else {
        throw SharedMemoryError(.invalidSize, "the collection has fewer elements than it says")
      }
    }
  }

  private static func byteCount(_ count: Int) throws -> Int {
    let (byteCount, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    guard count >= 0, !overflow else {
      throw SharedMemoryError(
        .invalidSize, "count must be 0 or more and fit the address space, and is \(count)")
    }
    return byteCount
  }

  private static func plan() throws -> BitwisePlan {
    guard MemoryLayout<Element>.alignment <= 4096, let plan = BitwisePlan(Element.self) else {
      throw SharedMemoryError(
        .unsupportedElement,
        "elements of type \(Element.self) cannot be shared: see SharedArray for which can")
    }
    return plan
  }

  /// The elements in bytes that another process has sent: sealed, so that what is looked at stays as it is.
  init(received storage: SharedBytes) throws {
    let stride = MemoryLayout<Element>.stride
    guard storage.count % stride == 0 else {
      throw CorruptValue("\(storage.count) bytes for elements of \(stride) bytes each")
    }
    let plan = try Self.plan()
    if !plan.isTotal { try Self.check(storage.bytes, plan) }
    self.init(storage, count: storage.count / stride)
  }

  private static func check(_ bytes: UnsafeRawBufferPointer, _ plan: BitwisePlan) throws {
    let (size, stride) = (MemoryLayout<Element>.size, MemoryLayout<Element>.stride)
    try withUnsafeTemporaryAllocation(byteCount: stride, alignment: MemoryLayout<Element>.alignment) { copy in
      for offset in Swift.stride(from: 0, to: bytes.count, by: stride) {
        copy.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + size)]))
        guard plan.accepts(copy.baseAddress.unsafelyUnwrapped) else {
          throw CorruptValue.invalid(Element.self)
        }
      }
    }
  }

  /// Calls `body` with the elements, which must not be used after it returns.
  @inlinable
  public func withUnsafeBufferPointer<Result>(
    _ body: (UnsafeBufferPointer<Element>) throws -> Result
  ) rethrows -> Result {
    try withExtendedLifetime(storage) { try body(UnsafeBufferPointer(start: start, count: count)) }
  }

  /// Calls `body` with the bytes of the elements, padding included, which must not be used after it returns.
  @inlinable
  public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withUnsafeBufferPointer { try body(UnsafeRawBufferPointer($0)) }
  }
}
