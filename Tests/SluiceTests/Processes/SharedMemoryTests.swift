import CSluice
import Foundation
import Testing

@testable import Sluice

/// Memory that is written once and then passed on by descriptor.
@Suite(.watchdog(), .serialized) struct ProcessesSharedMemoryTests {
  struct Pixel: BitwiseCopyable, Codable, Hashable { var r: UInt8, g: UInt8, b: UInt8, isOpaque: Bool }
  enum Level: UInt8, BitwiseCopyable, Codable { case low, high }
  struct Frame: Codable, Sendable, Equatable {
    var name: String, pixels: SharedArray<Pixel>, raw: SharedBytes, same: [SharedBytes], none: SharedBytes?
  }

  private func bytes(_ count: Int) throws -> SharedBytes {
    try SharedBytes((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) })
  }

  /// As the exchange does: each descriptor through a socket, each taken in as what a stranger has sent.
  private func sent(_ handles: HandleList) throws -> HandleList {
    let sockets = try SocketPair()
    return HandleList(
      received: try handles.descriptors.map { descriptor in
        try sockets.send(descriptor)
        return try SharedMemory(receiving: try sockets.receive())
      })
  }

  private func crossed<Value: Codable & Sendable>(_ value: Value) throws -> Value {
    let codec = ValueCodec<Value>()
    let encoded = try codec.encoded(value)
    return try codec.decoded(encoded.bytes, handles: sent(encoded.handles))
  }

  // MARK: Use

  @Test(arguments: [0, 1, 4095, 4096, 4097, 1_000_000])
  func bytesComeThrough(count: Int) throws {
    let shared = try bytes(count)
    #expect(shared.count == count)
    let back = try crossed(shared)
    #expect(back == shared && back.hashValue == shared.hashValue)
    #expect(back.withUnsafeBytes { Array($0) } == (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) })
    // And on to the next.
    #expect(try crossed(crossed(back)) == shared)
    #expect(try crossed([shared: [shared]]) == [shared: [shared]])
  }

  @Test func arraysComeThrough() throws {
    let pixels = try SharedArray(
      (0..<1000).map { Pixel(r: UInt8($0 % 256), g: 1, b: 2, isOpaque: $0 % 2 == 0) })
    #expect(pixels.count == 1000 && pixels[999] == Pixel(r: 231, g: 1, b: 2, isOpaque: false))
    #expect(Array(pixels[2..<4]) == [pixels[2], pixels[3]] && pixels.last == pixels[999])
    let raw = try bytes(77)
    let frame = Frame(name: "a", pixels: pixels, raw: raw, same: [raw, raw, try bytes(0)], none: nil)
    let encoded = try ValueCodec<Frame>().encoded(frame)
    #expect(encoded.handles.count == 2, "the same memory is sent once")
    #expect(encoded.bytes.count < 300)
    #expect(try crossed(frame) == frame)
    #expect(try crossed(SharedArray<Double>([])).isEmpty)
    #expect(try crossed(SharedArray([1.5, -0.0])).map(\.bitPattern) == [1.5, -0.0].map(\.bitPattern))
    #expect(try crossed(SharedArray<Int?>([nil, 1])) == SharedArray<Int?>([nil, 1]))
  }

  /// What was initialised by the closure, in zeroes.
  @Test func initialising() throws {
    let array = try SharedArray<Int32>(count: 10) { $0[3] = 7 }
    #expect(Array(array) == [0, 0, 0, 7, 0, 0, 0, 0, 0, 0])
    struct No: Error {}
    let before = openDescriptors()
    #expect(throws: No.self) { try SharedBytes(byteCount: 10) { _ in throw No() } }
    #expect(throws: No.self) { try SharedBytes(byteCount: 0) { _ in throw No() } }
    #expect(openDescriptors() == before)
  }

  /// Other encoders get the bytes.
  @Test func otherEncoders() throws {
    let frame = Frame(
      name: "a", pixels: try SharedArray([Pixel(r: 1, g: 2, b: 3, isOpaque: true)]), raw: try bytes(9),
      same: [],
      none: try bytes(0))
    let json = try JSONEncoder().encode(frame)
    #expect(try JSONDecoder().decode(Frame.self, from: json) == frame)
    // Such data inside a value that crosses.
    #expect(try crossed(["json": json]) == ["json": json])
    #expect(throws: CorruptValue.self) {
      try JSONDecoder().decode(SharedArray<Pixel>.self, from: Data("[1,2,3,4,5]".utf8))
    }
    #expect(throws: CorruptValue.self) {
      try JSONDecoder().decode(SharedArray<Pixel>.self, from: Data("[1,2,3,4]".utf8))
    }
  }

  // MARK: Refused

  @Test func sizesThatCannotBe() throws {
    let before = openDescriptors()
    func kind(_ body: () throws -> Void) -> SharedMemoryError.Kind? {
      do {
        try body()
        return nil
      } catch {
        return (error as? SharedMemoryError)?.kind
      }
    }
    #expect(kind { _ = try SharedBytes(byteCount: -1) { _ in } } == .invalidSize)
    #expect(kind { _ = try SharedArray<Int>(count: -1) { _ in } } == .invalidSize)
    #expect(kind { _ = try SharedArray<Int>(count: .max / 4) { _ in } } == .invalidSize)
    // More than the machine has.
    #expect(kind { _ = try SharedBytes(byteCount: .max) { _ in } } == .unavailable)
    #expect(kind { _ = try SharedBytes(byteCount: 1 << 50) { _ in } } == .unavailable)
    #expect(kind { _ = try SharedArray<UnsafeRawPointer?>([nil]) } == .unsupportedElement)
    #expect(kind { _ = try SharedArray<(Int, UnsafeRawPointer?)>(count: 0) { _ in } } == .unsupportedElement)
    #expect(openDescriptors() == before)
  }

  /// Elements of which not every pattern of bits is one are looked at when they come back.
  @Test func elementsThatAreNoValue() throws {
    for bytes in [[0, 1, 2], [1, 0, 255]] as [[UInt8]] {
      let shared = try SharedBytes(bytes)
      #expect(throws: CorruptValue.self) { try SharedArray<Bool>(received: shared) }
      #expect(throws: CorruptValue.self) { try SharedArray<Level>(received: shared) }
      #expect(Array(try SharedArray<UInt8>(received: shared)) == bytes)
    }
    #expect(throws: CorruptValue.self) { try SharedArray<Int16>(received: SharedBytes([1, 2, 3])) }
  }

  /// A record that says more than what came with it.
  @Test func recordsThatLie() throws {
    let shared = try bytes(100)
    let codec = ValueCodec<SharedBytes>()
    let encoded = try codec.encoded(shared)
    #expect(encoded.bytes == [BinaryTag.shared.rawValue, 0, 0, 100])
    #expect(throws: CorruptValue.self) { try codec.decoded(encoded.bytes) }
    for (place, count, isRight) in [
      (0, 101, false), (1, 10, false), (127, 1, false), (0, 10, true), (0, 0, true),
    ] {
      let bytes = [BinaryTag.shared.rawValue, 0, UInt8(place), UInt8(count)]
      if isRight {
        #expect(try codec.decoded(bytes, handles: encoded.handles).count == count)
      } else {
        #expect(throws: CorruptValue.self) { try codec.decoded(bytes, handles: encoded.handles) }
      }
    }
  }

  /// Descriptors of other things, and of memory that somebody could still change.
  @Test func descriptorsOfOtherThings() throws {
    let seals = MemoryFile.sealSeal | MemoryFile.sealShrink | MemoryFile.sealGrow | MemoryFile.sealWrite
    func memory(_ byteCount: Int, _ seals: Int32, filled: Bool = true) -> Int32 {
      let descriptor = MemoryFile.make(allowSealing: true)
      if filled {
        _ = MemoryFile.allocate(descriptor, 0, byteCount)
      } else {
        ftruncate(descriptor, byteCount)
      }
      #expect(fcntl(descriptor, MemoryFile.addSeals, seals) == 0)
      return descriptor
    }
    var pipes: [Int32] = [0, 0]
    pipe(&pipes)
    let readable = memory(100, seals)
    let before = openDescriptors()
    for descriptor in [
      memory(100, MemoryFile.sealShrink | MemoryFile.sealGrow | MemoryFile.sealWrite),
      memory(100, MemoryFile.sealSeal | MemoryFile.sealShrink | MemoryFile.sealGrow),
      memory(100, MemoryFile.sealSeal | MemoryFile.sealWrite | MemoryFile.sealGrow), memory(100, 0),
      memory(0, seals, filled: false),
      memory(1 << 40, seals, filled: false), memory(100_000, seals, filled: false),
      MemoryFile.make(allowSealing: false), open("/dev/zero", O_RDWR), open("/dev/null", O_RDONLY),
      open("/", O_RDONLY),
      open("/proc/self/exe", O_RDONLY), open("/proc/self/fd/\(readable)", O_WRONLY),
      open("/proc/self/fd/\(readable)", O_RDONLY | MemoryFile.onlyPath),
      socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0),
      dup(pipes[0]),
      -1, 1_000_000,
    ] {
      #expect(throws: SharedMemoryError.self, "\(descriptor)") { try SharedMemory(receiving: descriptor) }
    }
    #expect(openDescriptors() == before, "what is refused is closed")
    #expect(throws: Never.self) { try SharedMemory(receiving: open("/proc/self/fd/\(readable)", O_RDONLY)) }
    for descriptor in pipes + [readable] { close(descriptor) }
  }

  /// Nobody who holds it can change it.
  @Test func nobodyCanWrite() throws {
    let memory = try SharedMemory(byteCount: 100) { $0[0] = 7 }
    let descriptor = memory.descriptor
    #expect(ftruncate(descriptor, 50) != 0 && ftruncate(descriptor, 200) != 0)
    #expect(pwrite(descriptor, "x", 1, 0) < 0)
    #expect(mmap(nil, 100, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0) == MAP_FAILED)
    #expect(mprotect(UnsafeMutableRawPointer(mutating: memory.bytes.baseAddress), 100, PROT_READ) == 0)
    #expect(MemoryFile.allocate(descriptor, MemoryFile.punchHole | MemoryFile.keepSize, 100) != 0)
    #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
    #expect(memory.bytes[0] == 7)
  }

  // MARK: Freed

  @Test func theLastHolderFrees() throws {
    func mappings() throws -> Int {
      // Foundation stops at the first short read.
      let file = try #require(fopen("/proc/self/maps", "r"))
      defer { fclose(file) }
      var line = [CChar](repeating: 0, count: 4096)
      var count = 0
      while fgets(&line, Int32(line.count), file) != nil {
        if strstr(line, "sluice-shared") != nil { count += 1 }
      }
      return count
    }
    let before = (openDescriptors(), try mappings())
    do {
      let shared = try bytes(100_000)
      let copy = [shared, shared]
      let back = try crossed(copy)
      #expect(openDescriptors() == before.0 + 2)
      let during = try mappings()
      #expect(during == before.1 + 2)
      #expect(back == copy)
    }
    #expect(openDescriptors() == before.0)
    #expect(try mappings() == before.1)
  }

  private func openDescriptors() -> Int {
    // The folder itself is one of them, each time.
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? -1
  }
}
