/// A worker process ended while it was at an item: the body trapped, called `exit`, was killed, ran out of
/// memory, or took longer than the stage's `timeout`.
///
/// It is the item's failure, for `onFailure` to decide about. Items that the worker had not started go to another
/// one, and outputs that it had finished are delivered.
public struct WorkerDied: Error, CustomStringConvertible {
  /// How the process ended.
  public enum Cause: Sendable, Equatable {
    /// By a signal: a trap is SIGILL or SIGTRAP, running out of memory often SIGKILL.
    case signal(Int32)
    /// By `exit` with this code.
    case exit(Int32)
    /// It took longer than the stage's `timeout`, and was killed.
    case timeout(Duration)
    /// It answered what cannot be, and was killed.
    case nonsense(String)
    /// The program has the system or somebody else take its children's ends.
    case unknown

    var isNonsense: Bool { if case .nonsense = self { true } else { false } }
  }

  public let cause: Cause
  /// The item that it was at.
  public let item: (any Sendable)?
  /// The stage, as "stage 2 (resize)".
  public let stage: String

  /// The signal, if one ended the worker.
  public var signal: Int32? { if case .signal(let number) = cause { number } else { nil } }

  public var description: String {
    let how =
      switch cause {
      case .signal(let number): "was ended by signal \(number)"
      case .exit(let code): "called exit(\(code))"
      case .timeout(let limit): "took longer than \(limit) and was killed"
      case .nonsense(let what): "answered what cannot be (\(what)) and was killed"
      case .unknown: "ended"
      }
    let at = item.map { ", at the item \(String(describing: $0).prefix(200))" } ?? ""
    return "\(stage): a worker process \(how)\(at)"
  }
}
