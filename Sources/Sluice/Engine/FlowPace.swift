import CSluice

/// How dense the flow is that a worker waits for now and then, and whether its next wait may be a patient one:
/// it is then not woken for each item (or free place), but for half a queue of them, or by the monitor's ticks.
/// A wake-up costs as much as hundreds of short items; but where a core is idle it costs nobody anything.
struct FlowPace {
  /// Elements that had passed the queue when the last wait began, and when that was.
  private var passed: UInt64 = 0
  private var nanoseconds: UInt64 = 0
  /// Nanoseconds between two items, of late.
  private var interval = Self.longestInterval
  private var wasPatient = false
  /// Waits until one may be patient again, after one that did not pay.
  private var abstinence: UInt32 = 0
  private var nextAbstinence = Self.leastAbstinence
  private var coresAreBusy = false
  /// When that was last looked at, how often threads had been preempted by then, and the waits since.
  private var lastLook: (nanoseconds: UInt64, preemptions: UInt64) = (0, 0)
  private var waitsSinceLook: UInt64 = 0

  private static let longestInterval: UInt64 = 1_000_000
  /// So dense that waking for each item would take most of the time of who wakes.
  private static let denseInterval: UInt64 = 2_000
  /// So dense that a tick brings as many items as make a wake-up cheap: where waking takes a core from the work,
  /// and where nobody waits for what the sleeper would do, as behind a full queue.
  private static let longestInABusyFlow: UInt64 = 20_000
  private static let longestBehindAFullQueue: UInt64 = 40_000
  private static let fewestItems: UInt64 = 32
  private static let leastAbstinence: UInt32 = 64
  private static let mostAbstinence: UInt32 = 4_096
  private static let looksEvery: UInt64 = 500_000

  /// A wait begins. One end of a pair that answer each other is never patient for long: a patient wait that
  /// lasted until the ticks and brought few items keeps from the next ones, and for longer each time.
  ///
  /// - Parameters:
  ///   - isForRoom: whether the wait is for places, not for items.
  ///   - preemptions: how often threads of this process were preempted; tests have their own.
  mutating func beginsWait(
    passed: UInt64, nanoseconds: UInt64, isForRoom: Bool, preemptions: () -> UInt64 = sl_process_preemptions
  ) -> Bool {
    let items = passed &- self.passed
    let elapsed = nanoseconds &- self.nanoseconds
    interval = (interval + min(elapsed / max(items, 1), Self.longestInterval)) / 2
    self.passed = passed
    self.nanoseconds = nanoseconds
    if wasPatient, items < Self.fewestItems, elapsed >= Self.longestInterval {
      abstinence = nextAbstinence
      nextAbstinence = min(2 * nextAbstinence, Self.mostAbstinence)
    } else if wasPatient {
      nextAbstinence = Self.leastAbstinence
    } else if abstinence > 0 {
      abstinence -= 1
    }
    let isDense =
      isForRoom ? interval < Self.longestBehindAFullQueue : isDense(nanoseconds, preemptions)
    wasPatient = abstinence == 0 && isDense
    return wasPatient
  }

  private mutating func isDense(_ now: UInt64, _ preemptions: () -> UInt64) -> Bool {
    if interval < Self.denseInterval { return true }
    guard interval < Self.longestInABusyFlow else { return false }
    waitsSinceLook += 1
    guard now &- lastLook.nanoseconds >= Self.looksEvery else { return coresAreBusy }
    // Where no core is idle, whoever is woken for an item preempts somebody, and the system counts that at once; its
    // count of processor time lags behind by as much as a timer's tick.
    let count = preemptions()
    coresAreBusy = lastLook.nanoseconds != 0 && 2 * (count &- lastLook.preemptions) >= waitsSinceLook
    lastLook = (now, count)
    waitsSinceLook = 0
    return coresAreBusy
  }
}
