import CSluice
import Glibc
import Testing

/// What processes hand each other (sl_descriptors.c): segments, events, messages with descriptors.
@Suite(.serialized) struct DescriptorTests {
  // MARK: Segments

  private func withSegment(_ bytes: UInt64, _ body: (Int32, UnsafeMutableRawPointer) -> Void) {
    var descriptor: Int32 = -1
    var memory: UnsafeMutableRawPointer?
    guard sl_segment_create(bytes, &descriptor, &memory) == 0, let memory else { fatalError("no segment") }
    body(descriptor, memory)
    sl_segment_unmap(memory, bytes)
    sl_descriptor_close(descriptor)
  }

  @Test func aSegmentIsZeroSharedAndOfItsSizeForGood() {
    for size in [UInt64(1), 4095, 4096, 100_000] {
      withSegment(size) { descriptor, memory in
        let all = UnsafeRawBufferPointer(start: memory, count: Int(size))
        #expect(all.allSatisfy { $0 == 0 })
        #expect(byteCount(of: descriptor) == size)
        #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
        #expect(ftruncate(descriptor, 0) != 0 && ftruncate(descriptor, off_t(size) + 1) != 0)
        var second: UnsafeMutableRawPointer?
        #expect(sl_segment_map(descriptor, size, &second) == 0)
        memory.storeBytes(of: 42, toByteOffset: Int(size) - 1, as: UInt8.self)
        #expect(second?.load(fromByteOffset: Int(size) - 1, as: UInt8.self) == 42)
        if let second { sl_segment_unmap(second, size) }
      }
    }
  }

  @Test func whatIsNoSegmentOfThatSizeIsRefused() {
    var memory: UnsafeMutableRawPointer?
    withSegment(8192) { descriptor, _ in
      for wrong in [UInt64(0), 1, 8191, 8193, 16_384, .max] {
        #expect(sl_segment_map(descriptor, wrong, &memory) == EINVAL, "\(wrong)")
      }
    }
    // Memory whose size may still change: unsealed, and sealed in part (SEAL, SHRINK and GROW are 1, 2 and 4). And
    // memory that is not there: sealed in full, and all of it a hole.
    for seals: Int32 in [0, 2, 4, 6, 3, 5, 7] {
      let file = makeMemoryFile(allowsSealing: true)
      #expect(file >= 0 && ftruncate(file, 8192) == 0)
      let addSeals: Int32 = 1033
      let sealed = fcntl(file, addSeals, seals)
      #expect(sealed == 0)
      #expect(sl_segment_map(file, 8192, &memory) == EINVAL, "sealed \(seals)")
      sl_descriptor_close(file)
    }
    var event: Int32 = -1
    #expect(sl_event_create(&event) == 0)
    let file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
    let size = byteCount(of: file)
    let zero = open("/dev/zero", O_RDWR | O_CLOEXEC)
    for (descriptor, bytes) in [(event, UInt64(8)), (file, size), (zero, 4096), (-1, 4096), (1 << 20, 4096)] {
      #expect(sl_segment_map(descriptor, bytes, &memory) == EINVAL)
    }
    for descriptor in [event, file, zero] { sl_descriptor_close(descriptor) }
  }

  /// A limit on the size of files stands for a system that has no memory left.
  @Test func aSegmentThatDoesNotFitIsAnError() {
    var descriptor: Int32 = -1
    var memory: UnsafeMutableRawPointer?
    let before = openDescriptors()
    #expect(sl_segment_create(0, &descriptor, &memory) == EINVAL)
    #expect(sl_segment_create(1 << 63, &descriptor, &memory) == EINVAL)
    let fileSize = __rlimit_resource_t(1)  // RLIMIT_FSIZE
    let handler = signal(SIGXFSZ, SIG_IGN)
    var limits = rlimit()
    #expect(getrlimit(fileSize, &limits) == 0)
    var low = limits
    low.rlim_cur = 64 << 20
    #expect(setrlimit(fileSize, &low) == 0)
    #expect(sl_segment_create(65 << 20, &descriptor, &memory) == EFBIG)
    #expect(setrlimit(fileSize, &limits) == 0)
    signal(SIGXFSZ, handler)
    #expect(openDescriptors() == before)
  }

  // MARK: Events

  @Test func anEventIsReadableUntilItIsReset() {
    var event: Int32 = -1
    #expect(sl_event_create(&event) == 0)
    #expect(sl_wait_descriptors(event, -1, -1, 0) == 0)
    for _ in 0..<3 { sl_event_signal(event) }
    for _ in 0..<2 { #expect(sl_wait_descriptors(event, -1, -1, -1) == UInt32(SL_WAIT_EVENT)) }
    sl_event_reset(event)
    sl_event_reset(event)
    #expect(sl_wait_descriptors(event, -1, -1, 0) == 0)
    sl_descriptor_close(event)
    sl_descriptor_close(-1)
  }

  // MARK: Messages

  private func withPair(_ body: (Int32, Int32) -> Void) {
    var pair: [Int32] = [-1, -1]
    let type = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &pair) == 0 else { fatalError("no sockets") }
    body(pair[0], pair[1])
    close(pair[0])
    close(pair[1])
  }

  private func send(_ socket: Int32, _ bytes: [UInt8], _ descriptors: [Int32] = []) -> Int32 {
    sl_socket_send(socket, bytes, bytes.count, descriptors, descriptors.count, false)
  }

  private func receive(_ socket: Int32, capacity: Int = 64, most: Int = 0) -> (
    count: Int, bytes: [UInt8], descriptors: [Int32], error: Int32
  ) {
    var bytes = [UInt8](repeating: 0, count: capacity)
    var descriptors = [Int32](repeating: -1, count: most)
    var (descriptorCount, error) = (most, Int32(0))
    let count = sl_socket_receive(socket, &bytes, capacity, &descriptors, &descriptorCount, false, &error)
    return (count, Array(bytes.prefix(max(0, count))), Array(descriptors.prefix(descriptorCount)), error)
  }

  /// Told apart by how large they are.
  private func withDescriptors(_ count: Int, _ body: ([Int32]) -> Void) {
    let descriptors = (0..<count).map { i in
      let file = makeMemoryFile(allowsSealing: false)
      guard file >= 0, ftruncate(file, off_t(i + 1)) == 0 else { fatalError("no descriptors") }
      return file
    }
    body(descriptors)
    for descriptor in descriptors { sl_descriptor_close(descriptor) }
  }

  @Test func messagesArriveWholeAndInOrder() {
    withPair { here, there in
      for size in [1, 2, 63, 64] { #expect(send(here, pattern(size, 1)) == 0) }
      for size in [1, 2, 63, 64] { #expect(receive(there).bytes == pattern(size, 1)) }
      let (count, _, _, error) = receive(there)
      #expect(count == -1 && error == EAGAIN)
    }
  }

  @Test func descriptorsArriveInOrder() {
    let before = openDescriptors()
    withPair { here, there in
      for count in [0, 1, 7, 250] {
        withDescriptors(count) { sent in
          #expect(send(here, [1, 2], sent) == 0)
          let (_, bytes, arrived, _) = receive(there, most: 250)
          #expect(bytes == [1, 2] && arrived.count == count)
          for (i, descriptor) in arrived.enumerated() {
            #expect(byteCount(of: descriptor) == UInt64(i + 1))
            #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
            sl_descriptor_close(descriptor)
          }
        }
      }
      withDescriptors(251) { #expect(send(here, [1], $0) == EINVAL) }
      #expect(receive(there).error == EAGAIN)
    }
    #expect(openDescriptors() == before)
  }

  @Test func descriptorsBeyondThoseThatAreWantedAreClosed() {
    let before = openDescriptors()
    withPair { here, there in
      withDescriptors(20) { sent in
        let sending = openDescriptors()
        for most in [0, 1, 19] {
          #expect(send(here, [9], sent) == 0)
          let (_, bytes, arrived, _) = receive(there, most: most)
          #expect(bytes == [9] && arrived.count == most)
          #expect(openDescriptors() == sending + most)
          for (i, descriptor) in arrived.enumerated() {
            #expect(byteCount(of: descriptor) == UInt64(i + 1), "the first ones")
            sl_descriptor_close(descriptor)
          }
        }
      }
    }
    #expect(openDescriptors() == before)
  }

  @Test func aMessageThatIsTooLongIsAnErrorAndLeavesNothing() {
    withPair { here, there in
      withDescriptors(3) { sent in
        let before = openDescriptors()
        #expect(send(here, pattern(65, 0), sent) == 0)
        let (count, _, arrived, error) = receive(there, capacity: 64, most: 3)
        #expect(count == -1 && error == EMSGSIZE && arrived.isEmpty)
        #expect(openDescriptors() == before)
        #expect(receive(there).error == EAGAIN, "the rest of it is gone")
      }
    }
  }

  @Test func aFullSocketSaysSo() {
    withPair { here, there in
      var sent = 0
      var error: Int32 = 0
      while error == 0, sent < 100_000 {
        error = send(here, pattern(64, 0))
        if error == 0 { sent += 1 }
      }
      #expect(error == EAGAIN && sent > 0)
      for _ in 0..<sent { #expect(receive(there).count == 64) }
      #expect(send(here, [1]) == 0)
    }
  }

  @Test func whoIsHungUpOnIsTold() {
    var pair: [Int32] = [-1, -1]
    #expect(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &pair) == 0)
    #expect(!sl_socket_is_hung_up(pair[0]))
    #expect(sl_wait_descriptors(-1, -1, pair[0], 0) == 0)
    #expect(send(pair[1], [7]) == 0)
    #expect(!sl_socket_is_hung_up(pair[0]), "a message waits, and that is all")
    close(pair[1])
    #expect(sl_socket_is_hung_up(pair[0]))
    #expect(sl_wait_descriptors(-1, -1, pair[0], -1) == UInt32(SL_WAIT_SOCKET))
    #expect(receive(pair[0]).bytes == [7], "what was sent before")
    #expect(receive(pair[0]).count == 0)
    #expect(send(pair[0], [1]) == EPIPE, "and no signal")
    close(pair[0])
  }

  @Test func aShutDownEndsBothSides() {
    withPair { here, there in
      #expect(send(here, [7]) == 0)
      sl_socket_shut_down(here)
      #expect(sl_socket_is_hung_up(here) && sl_socket_is_hung_up(there))
      #expect(receive(there).bytes == [7] && receive(there).count == 0 && receive(here).count == 0)
      #expect(send(here, [1]) == EPIPE && send(there, [1]) == EPIPE)
    }
  }
}
