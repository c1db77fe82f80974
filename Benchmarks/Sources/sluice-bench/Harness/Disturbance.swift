import Foundation

/// How much of the machine other processes used while something ran, from the kernel's clocks.
struct Disturbance {
  private let started = nowNanoseconds()
  private let busy = Self.busySeconds()
  private let own = Self.ownSeconds()

  /// Whether, since this was made, others than this process and those that it has waited for have used more
  /// than this part of all cores.
  func isAbove(_ part: Double) -> Bool {
    let cores = Double(ProcessInfo.processInfo.activeProcessorCount)
    let seconds = Double(nowNanoseconds() - started) / 1e9 * cores
    let others = (Self.busySeconds() - busy) - (Self.ownSeconds() - own)
    // The kernel counts in hundredths of a second on each core.
    return others > max(part * seconds, 0.01 * (cores + 1))
  }

  /// Since the machine started, of all cores together, with what a hypervisor took away; 0 if unknown.
  private static func busySeconds() -> Double {
    guard let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8) else { return 0 }
    // cpu user nice system idle iowait irq softirq steal …
    let words = text.prefix { $0 != "\n" }.split(separator: " ")
    let ticks = words.dropFirst().prefix(8).compactMap { Double($0) }
    guard ticks.count == 8 else { return 0 }
    return (ticks.reduce(0, +) - ticks[3] - ticks[4]) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  private static func ownSeconds() -> Double {
    [RUSAGE_SELF, RUSAGE_CHILDREN].reduce(0) { sum, who in
      var usage = rusage()
      getrusage(__rusage_who_t(who.rawValue), &usage)
      let times = [usage.ru_utime, usage.ru_stime].map { Double($0.tv_sec) + Double($0.tv_usec) / 1e6 }
      return sum + times[0] + times[1]
    }
  }
}
