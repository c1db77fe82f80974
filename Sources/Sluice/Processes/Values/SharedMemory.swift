import CSluice

/// Sealed memory and its descriptor: freed when the last holder of this object lets go of it, and by the kernel
/// when no process holds it any more.
///
/// It is mapped at once. That takes a microsecond or two whatever its size, since pages come when they are read;
/// mapping at the first access would save that for who only passes it on, but could fail where nothing can be thrown.
@usableFromInline
final class SharedMemory: Sendable {
  private let memory: Mapped

  /// Pointers are not `Sendable`; these lead to what nobody can change.
  private struct Mapped: @unchecked Sendable {
    var memory: sl_shared_memory
  }

  private init(_ memory: sl_shared_memory) { self.memory = Mapped(memory: memory) }

  deinit { sl_shared_memory_release(memory.memory) }

  /// Memory of `byteCount` bytes, 1 or more, that are zero until `initializing` writes them. What is thrown there
  /// is thrown here.
  convenience init(
    byteCount: Int, initializing: (UnsafeMutableRawBufferPointer) throws -> Void
  ) throws {
    var draft = sl_shared_memory_draft()
    let created = sl_shared_memory_create(&draft, byteCount)
    guard created == 0 else { throw SharedMemoryError.unavailable(byteCount: byteCount, errno: created) }
    do {
      try initializing(UnsafeMutableRawBufferPointer(start: draft.base, count: byteCount))
    } catch {
      sl_shared_memory_discard(draft)
      throw error
    }
    var sealed = sl_shared_memory()
    let result = sl_shared_memory_seal(draft, &sealed)
    guard result == 0 else { throw SharedMemoryError.unavailable(byteCount: byteCount, errno: result) }
    self.init(sealed)
  }

  /// What a process that is not trusted has sent. The descriptor is this object's from here on; it is closed if it
  /// is refused.
  convenience init(receiving descriptor: Int32) throws {
    var received = sl_shared_memory()
    let result = sl_shared_memory_receive(descriptor, &received)
    guard result == 0 else { throw SharedMemoryError.notSharedMemory(errno: result) }
    self.init(received)
  }

  /// To be sent to another process, while this object lives. It is closed with it.
  var descriptor: Int32 { memory.memory.descriptor }

  @usableFromInline
  var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: memory.memory.base, count: memory.memory.bytes)
  }
}
