/// Whether our hand-over takes the same time for any size, as it should.
struct HandOverSpread: Encodable, Sendable {
  /// The greatest of our medians over the least.
  let ratio: Double
  let bar: Bar

  /// Nil if fewer than two sizes were measured.
  init?(_ rows: [ContestRowResult<ProcessRow>]) {
    let medians = rows.filter { $0.row.measure == .handOver }.compactMap { $0.main?.median }
    guard medians.count > 1, let least = medians.min(), let most = medians.max() else { return nil }
    let goal = 1.5
    ratio = (most / least).toFourDigits
    bar = Bar(text: "bar \(goal)", isReached: ratio <= goal)
  }
}
