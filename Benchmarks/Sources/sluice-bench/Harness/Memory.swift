import Foundation

/// The most memory that this process has had in use, from the kernel; nil if unknown.
func peakMemoryKiB() -> Int? {
  let lines = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8))?.split(separator: "\n")
  // VmHWM:     1234 kB
  return lines?.first { $0.hasPrefix("VmHWM:") }?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
}
