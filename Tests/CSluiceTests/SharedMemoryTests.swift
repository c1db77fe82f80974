import CSluice
import Glibc
import Testing

/// Sealed memory through its C API. What Swift adds is tested with it; here are the numbers that are answered.
@Suite struct SharedMemoryTests {
  @Test func writtenSealedAndReceived() {
    var draft = sl_shared_memory_draft()
    #expect(sl_shared_memory_create(&draft, 10_000) == 0)
    #expect(draft.bytes == 10_000 && draft.base.load(fromByteOffset: 9_999, as: UInt8.self) == 0)
    draft.base.storeBytes(of: 7, toByteOffset: 9_999, as: UInt8.self)
    var memory = sl_shared_memory()
    #expect(sl_shared_memory_seal(draft, &memory) == 0)
    #expect(memory.bytes == 10_000 && memory.base.load(fromByteOffset: 9_999, as: UInt8.self) == 7)
    var received = sl_shared_memory()
    #expect(sl_shared_memory_receive(dup(memory.descriptor), &received) == 0)
    sl_shared_memory_release(memory)
    #expect(received.bytes == 10_000 && received.base.load(fromByteOffset: 9_999, as: UInt8.self) == 7)
    sl_shared_memory_release(received)
  }

  @Test func refusedSizes() {
    var draft = sl_shared_memory_draft()
    #expect(sl_shared_memory_create(&draft, 0) == EINVAL)
    #expect(sl_shared_memory_create(&draft, Int.max) == ENOMEM)
    #expect(sl_shared_memory_create(&draft, Int(bitPattern: UInt.max)) == EFBIG)
  }

  @Test func refusedDescriptors() {
    var memory = sl_shared_memory()
    var draft = sl_shared_memory_draft()
    #expect(sl_shared_memory_receive(-1, &memory) == EACCES)
    #expect(sl_shared_memory_receive(open("/dev/zero", O_RDWR), &memory) == EACCES)
    // A draft is still written.
    #expect(sl_shared_memory_create(&draft, 100) == 0)
    #expect(sl_shared_memory_receive(dup(draft.descriptor), &memory) == EACCES)
    sl_shared_memory_discard(draft)
  }
}

/// Addresses and the images that they lie in.
@Suite struct ImageTests {
  @Test func imagesOfAddresses() throws {
    var (core, again, system) = (sl_image(), sl_image(), sl_image())
    // What the compiler has laid out for a type stands in the image of its module.
    #expect(sl_image_find(unsafeBitCast(ImageTests.self as Any.Type, to: UnsafeRawPointer.self), &core))
    #expect(
      sl_image_find(unsafeBitCast(SharedMemoryTests.self as Any.Type, to: UnsafeRawPointer.self), &again))
    #expect(core.base == again.base && core.fingerprint == again.fingerprint && core.end > core.base)
    #expect(sl_image_find(try #require(dlsym(nil, "getpid")), &system))
    #expect(system.base != core.base && system.fingerprint != core.fingerprint)
    var local = 0
    #expect(!sl_image_find(&local, &again))
    #expect(!sl_image_find(nil, &again))
  }

  /// The published values of FNV-1a.
  @Test func fingerprints() {
    #expect(sl_fingerprint(0xcbf2_9ce4_8422_2325, "", 0) == 0xcbf2_9ce4_8422_2325)
    #expect(sl_fingerprint(0xcbf2_9ce4_8422_2325, "a", 1) == 0xaf63_dc4c_8601_ec8c)
    #expect(sl_fingerprint(0xcbf2_9ce4_8422_2325, "foobar", 6) == 0x8594_4171_f739_67e8)
  }
}
