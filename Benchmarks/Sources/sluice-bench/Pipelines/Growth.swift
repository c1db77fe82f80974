/// What an item costs, and how much memory there is, when the stream is longer: neither should grow.
struct Growth: Codable, Sendable {
  let workers: Int
  let fewestItems: Int
  let mostItems: Int
  let cost: Double
  let memory: Double
  let bars: [Bar]

  /// Nil if fewer than two lengths were measured with as many workers.
  private init?(workers: Int, _ rows: [ContestRowResult<PipelineRow>]) {
    let ours = rows.filter { $0.row.workers == workers }.compactMap(\.main).sorted { $0.items < $1.items }
    guard ours.count > 1, let short = ours.first, let long = ours.last,
      let least = short.peakKiB, let most = long.peakKiB
    else { return nil }
    self.workers = workers
    (fewestItems, mostItems) = (short.items, long.items)
    cost = (long.median / short.median).toFourDigits
    memory = (Double(most) / Double(least)).toFourDigits
    // Pages of memory are counted to within a few per cent.
    bars = [
      Bar(text: "cost of an item × \(formatted(cost)), at most 1.10", isReached: cost < 1.1),
      Bar(text: "memory × \(formatted(memory)), at most 1.05", isReached: memory <= 1.05),
    ]
  }

  static func all(in rows: [ContestRowResult<PipelineRow>]) -> [Growth] {
    let fixed = rows.filter { $0.row.fixedItems != nil }
    return Set(fixed.map(\.row.workers)).sorted().compactMap { Growth(workers: $0, fixed) }
  }

  var description: String {
    let lengths = "\(grouped(fewestItems)) to \(grouped(mostItems)) items"
    let who = workers == 1 ? "1 worker" : "\(workers) workers"
    return "\(who), \(lengths): \(bars.map(\.description).joined(separator: "; "))"
  }
}
