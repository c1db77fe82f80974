/// One queue of one program, as the program's `--list` describes it.
struct QueueVariant: PeerVariant, Hashable {
  let name: String
  let guarantees: String
  let bounded: Bool
  let mostProducers: Int
  let mostConsumers: Int
  /// The one capacity that it is compiled for; 0: any.
  let fixedCapacity: Int
  let bulk: Bool
}

/// What queues are compared by: those of one kind promise about the same.
enum QueueGuarantees: String, Codable {
  /// A thread that stops anywhere stops no other; first in, first out.
  case strict
  /// A thread that stops inside an operation may hold the others up; first in, first out.
  case loose
  /// The order holds for each producer only, or within a window.
  case relaxed

  init(_ words: String) {
    switch words {
    case "wait-free", "lock-free": self = .strict
    case "claim-and-publish", "blocking": self = .loose
    default: self = .relaxed
    }
  }

  /// Whether a queue that promises this may be measured against one that promises `other`.
  func isComparable(with other: Self) -> Bool {
    switch self {
    case .strict: other == .strict
    case .loose: other != .relaxed
    case .relaxed: true
    }
  }
}
