import CSluice

/// What a driver asks of the stages before it. Pointers and numbers alone, for the reason that `QueueGauge` gives.
struct StageFacts {
  /// A single worker whose state between two outputs lies in memory and not on a stack, so that any
  /// thread may take its token: the worker after it can pull items from it.
  let isLeasable: Bool
  /// On threads, and unordered if there are several: a worker may pull from the stage before it.
  let canDrive: Bool
  let workers: Int
  /// Of the first worker, the one that is leased.
  let token: UnsafeMutablePointer<sl_token>
  let lease: UnsafeMutablePointer<sl_lease>
  let counters: UnsafeMutablePointer<sl_stage_counters>
  let output: QueueGauge
  /// When this stage may be leased again, and how long it is kept from it after the next revocation.
  let leasableFrom: UnsafeMutablePointer<sl_atomic_u64>
  let pause: UnsafeMutablePointer<sl_atomic_u64>

  private static let longestPause: UInt64 = 640_000_000

  func mayBeLeasedNow() -> Bool {
    let from = sl_load_relaxed_u64(leasableFrom)
    return from == 0 || sl_now_nanoseconds() >= from
  }

  /// A lease that held this stage was revoked because a body took long: bodies of this chain belong
  /// on threads of their own for a while, and for longer each time.
  func wasRevoked(firstPause: UInt64) {
    let length = max(sl_load_relaxed_u64(pause), firstPause)
    sl_store_relaxed_u64(leasableFrom, sl_now_nanoseconds() + length)
    sl_store_relaxed_u64(pause, min(length * 4, Self.longestPause))
  }

  /// A lease that holds this stage goes well.
  func isLeasedWell() { sl_store_relaxed_u64(pause, 0) }

  /// Whether the bodies of the first worker were short of late. Any thread.
  var hasShortBodies: Bool { sl_stage_counters_are_short(counters) }
}
