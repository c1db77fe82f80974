/// The memory of one run that is not typed by its items: tokens, leases, counters, rings. It is carved from
/// a few large pieces, since a run over one item would otherwise spend its time in the allocator.
///
/// Used by one thread, while the run is put together. What it gives lives as long as the arena, and
/// nothing in it is deinitialised: it is for trivial types.
final class Arena {
  private var pieces: [UnsafeMutableRawPointer] = []
  private var free: UnsafeMutableRawPointer?
  private var freeBytes = 0

  private static let pieceBytes = 8_192
  private static let alignment = 16

  deinit {
    for piece in pieces { piece.deallocate() }
  }

  func allocate<Trivial>(_: Trivial.Type, count: Int = 1) -> UnsafeMutablePointer<Trivial> {
    precondition(MemoryLayout<Trivial>.alignment <= Self.alignment)
    let bytes = (MemoryLayout<Trivial>.stride * count + Self.alignment - 1) & ~(Self.alignment - 1)
    if bytes > freeBytes {
      freeBytes = max(bytes, Self.pieceBytes)
      let piece = UnsafeMutableRawPointer.allocate(byteCount: freeBytes, alignment: Self.alignment)
      pieces.append(piece)
      free = piece
    }
    guard let start = free else { preconditionFailure("Sluice: an arena without memory") }
    free = start + bytes
    freeBytes -= bytes
    return start.bindMemory(to: Trivial.self, capacity: count)
  }
}
