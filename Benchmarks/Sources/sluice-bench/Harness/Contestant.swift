import Histogram

/// A row in which programs take part, each run in a process of its own.
protocol ContestRow: BenchmarkRow, Encodable {
  associatedtype Variant: PeerVariant

  var figure: Figure { get }
  func takes(_ variant: Variant, _ role: Role) -> Bool
  /// Ours that the others are compared with; nil: the first there is.
  var mainVariant: String? { get }
  func arguments(_ variant: Variant, items: Int) -> [String]
  /// If the number does not depend on how fast they are.
  func items(in seconds: Double) -> Int?
  /// Numbers of items with each of which a variant takes part, as so many contestants; none: once.
  var lengths: [Int] { get }
  func fewestItems(_ role: Role) -> Int
  var mostItems: Int { get }
  /// Between two calls.
  var pauseMicroseconds: Int { get }
  /// At the beginning of a run, not recorded: pages and caches are cold.
  func warmUpCalls(of calls: Int) -> Int
  /// How many times the answer of a run with calls has.
  func times(of items: Int) -> Int
  /// Seconds that a run may take for its start.
  var patience: Double { get }
  /// Whether the programs' names stand before those of their variants.
  static var namesPrograms: Bool { get }
}

extension ContestRow {
  var mainVariant: String? { nil }
  func items(in seconds: Double) -> Int? { nil }
  var lengths: [Int] { [] }
  var pauseMicroseconds: Int { 0 }
  func warmUpCalls(of calls: Int) -> Int { calls >= 100 ? 10 : 1 }
  func times(of items: Int) -> Int { items }
  // Interpreters start slowly.
  var patience: Double { 20 }
  static var namesPrograms: Bool { false }
}

/// One variant of a program in a row, and what its runs gave.
struct Contestant<Row: ContestRow> {
  let title: String
  let role: Role
  let variant: Row.Variant
  /// Over this many items; nil if it took longer than the limit, and was ended.
  let run: (_ items: Int, _ limit: Double) throws -> PeerAnswer?
  /// In each run; 0: to be found out.
  var items = 0
  /// One for each round, in the row's unit: the figure, or the median of the calls.
  var rounds: [Double] = []
  /// Nanoseconds of all calls of all rounds.
  var calls = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
  /// Runs that were ended because they took too long. A stream's counts with the speed that it did not reach.
  var tooLong = 0
  /// Runs during which others used the cores, and that could not be repeated.
  var disturbed = 0
  var peakKiB: Int?
}

extension Contestant {
  /// A variant as often as it takes part in the row.
  static func all(_ row: Row, _ program: PeerProgram<Row.Variant>, _ variant: Row.Variant) -> [Self] {
    let role = variant.role ?? (program.isOurs ? .ours : .peer)
    guard row.takes(variant, role) else { return [] }
    let contestant = Self(row, program, variant, role)
    return row.lengths.isEmpty ? [contestant] : row.lengths.map(contestant.taking)
  }

  private func taking(_ items: Int) -> Self {
    var contestant = Self(title: "\(title), \(grouped(items)) items", role: role, variant: variant, run: run)
    contestant.items = items
    return contestant
  }

  private init(_ row: Row, _ program: PeerProgram<Row.Variant>, _ variant: Row.Variant, _ role: Role) {
    let name = program.process.name
    let isNamed = program.isOurs || variant.name.lowercased().hasPrefix(name.lowercased())
    self.init(
      title: isNamed || !Row.namesPrograms ? variant.name : "\(name) \(variant.name)", role: role,
      variant: variant
    ) { items, limit in
      let arguments = row.arguments(variant, items: items)
      guard let answer = try program.run(arguments, limit: limit) else { return nil }
      let hasTimes = row.figure.nanosecondsOfCalls == nil || answer.calls.count == row.times(of: items)
      guard answer.ok, answer.count == items, hasTimes else {
        throw program.process.failure(
          "computed something wrong in row '\(row.name)': \(arguments.joined(separator: " "))")
      }
      return answer
    }
  }
}
