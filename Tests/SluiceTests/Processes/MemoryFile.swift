/// Memory as a process that is not trusted may make it: what Glibc's module leaves out of `<sys/mman.h>` and
/// `<fcntl.h>`.
enum MemoryFile {
  static let addSeals: Int32 = 1033
  static let sealSeal: Int32 = 1
  static let sealShrink: Int32 = 2
  static let sealGrow: Int32 = 4
  static let sealWrite: Int32 = 8
  static let keepSize: Int32 = 1
  static let punchHole: Int32 = 2
  static let onlyPath: Int32 = 0o10000000

  static func make(allowSealing: Bool) -> Int32 { memfdCreate("test", allowSealing ? 2 : 0) }
  static func allocate(_ descriptor: Int32, _ mode: Int32, _ byteCount: Int) -> Int32 {
    fallocateFile(descriptor, mode, 0, byteCount)
  }
}

@_silgen_name("memfd_create")
private func memfdCreate(_ name: UnsafePointer<CChar>, _ flags: UInt32) -> Int32
@_silgen_name("fallocate")
private func fallocateFile(_ descriptor: Int32, _ mode: Int32, _ offset: Int, _ byteCount: Int) -> Int32
