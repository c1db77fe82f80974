/// What the stages of a run have done so far. The counts are exact once the run has ended; while it
/// goes on, each is right for some recent moment, not all for the same one.
///
/// Two reports are equal if all their numbers are. Of the `failures` only the number is compared: errors
/// and items need not be `Equatable`.
public struct RunReport: Sendable, Equatable {
  /// From the start of the run to its end, or to now.
  public let elapsed: Duration
  /// One for each stage, in order.
  public let stages: [Stage]

  /// What one stage has done.
  public struct Stage: Sendable {
    /// The stage's name, or what it is ("stage", "branch", "join").
    public let name: String
    public let workers: Int
    /// Items that its bodies have taken.
    public let itemsIn: Int
    /// Items that its bodies have produced.
    public let itemsOut: Int
    /// Time spent in its bodies, summed over its workers, without waiting for its queues. An
    /// estimate: while bodies are shorter than a few microseconds, down to one in 256 is timed and
    /// stands for the others, so a rare long one among them may be missed. In
    /// async bodies, what they await counts as time in the body; in worker processes, all the time that they have items.
    public let busy: Duration
    /// Most items that were seen in the stage's output queue. Items that were pulled through by the
    /// next stage's thread never stood in it. Of an ordered stage of several workers, items that others
    /// wait for count as well.
    public let peakQueueLength: Int
    /// Items that were dropped because their body threw (`onFailure: .skip`). They count as taken.
    public let skipped: Int
    /// Calls of bodies beyond the first one of each item (`onFailure: .retry`).
    public let retried: Int
    /// The first 100 items that failed for good, in the order in which that was decided: those that
    /// were skipped, and one that ended the run after retries. With `onFailure: .fail` there is none, since
    /// such a stage does not keep its items.
    public let failures: [RunFailure]
  }
}

extension RunReport.Stage: Equatable {
  public static func == (left: Self, right: Self) -> Bool {
    left.name == right.name && left.workers == right.workers && left.itemsIn == right.itemsIn
      && left.itemsOut == right.itemsOut && left.busy == right.busy
      && left.peakQueueLength == right.peakQueueLength && left.skipped == right.skipped
      && left.retried == right.retried && left.failures.count == right.failures.count
  }
}
