/// The number that a run gives, and its unit.
enum Figure: String, Codable {
  case elements = "M elements/s"
  case items = "M items/s"
  case nanosecondsAnItem = "ns an item"
  case seconds = "s"
  /// The processor time in `times` over the seconds that passed.
  case percentOfACore = "% of a core"
  /// Of each of many calls.
  case microseconds = "µs"
  case milliseconds = "ms"

  var unit: String { rawValue }

  var isMoreBetter: Bool { self == .elements || self == .items }

  /// Nanoseconds of one unit, if a run gives the times of many calls.
  var nanosecondsOfCalls: Double? {
    switch self {
    case .microseconds: 1e3
    case .milliseconds: 1e6
    default: nil
    }
  }

  /// Of a run over this many items. Nil for calls, which have a time each.
  func value(items: Int, seconds: Double, times: [UInt64]) -> Double? {
    switch self {
    case .elements, .items: Double(items) / seconds / 1e6
    case .nanosecondsAnItem: seconds * 1e9 / Double(items)
    case .seconds: seconds
    case .percentOfACore: Double(times.reduce(0, +)) / 1e9 / seconds * 100
    case .microseconds, .milliseconds: nil
    }
  }
}
