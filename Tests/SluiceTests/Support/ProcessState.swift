import Foundation

/// What the process has now.
struct ProcessState {
  var threads: Int
  var descriptors: Int

  static var now: ProcessState {
    func entries(_ folder: String) -> Int {
      (try? FileManager.default.contentsOfDirectory(atPath: folder))?.count ?? 0
    }
    return ProcessState(threads: entries("/proc/self/task"), descriptors: entries("/proc/self/fd"))
  }
}

/// The system's number of the calling thread.
func threadNumber() -> Int {
  var buffer = [CChar](repeating: 0, count: 64)
  let length = readlink("/proc/thread-self", &buffer, buffer.count)
  guard length > 0 else { return -1 }
  let path = String(decoding: buffer[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
  return path.split(separator: "/").last.flatMap { Int($0) } ?? -1
}
