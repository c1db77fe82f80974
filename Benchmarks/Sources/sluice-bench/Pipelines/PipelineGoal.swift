/// What a row should reach.
enum PipelineGoal: Sendable {
  /// Times the best peer.
  case timesBest(Double)
  /// Times this one, be it a peer or a limit.
  case times(String, Double)
  /// No peer is quicker in every round.
  case noneAhead
  /// Every one of ours has less than this, in the row's unit.
  case less(Double)
  /// What an item of ours costs in the longest stream, over that in the shortest.
  case costGrowth(Double)
  /// The same for the most memory. Pages are counted to within a few per cent.
  case memoryGrowth(Double)
}

extension ContestRowResult<PipelineRow> {
  var bars: [Bar] { row.goals.compactMap(bar) }

  private func bar(_ goal: PipelineGoal) -> Bar? {
    guard let main else { return nil }
    switch goal {
    case .timesBest(let factor):
      return results.first { $0.role == .peer }.map { bar(main, times: $0, factor) }
    case .times(let title, let factor):
      return results.first { $0.title == title }.map { bar(main, times: $0, factor) }
    case .noneAhead:
      let peers = results.filter { $0.role == .peer }
      if peers.isEmpty { return nil }
      let ahead = peers.filter { $0.isAhead(of: main, moreIsBetter: row.figure.isMoreBetter) }.map(\.title)
      return Bar(
        text:
          "goal no peer quicker in every round\(ahead.isEmpty ? "" : ": \(ahead.joined(separator: ", "))")",
        isReached: ahead.isEmpty)
    case .costGrowth(let most): return growth("cost of an item", most, \.median)
    case .memoryGrowth(let most): return growth("memory", most) { Double($0.peakKiB ?? 0) }
    case .less(let most):
      let ours = results.filter(\.isOurs)
      return Bar(
        text: "goal less than \(formatted(most)) \(unit)", isReached: ours.allSatisfy { $0.median < most })
    }
  }

  private func growth(_ what: String, _ most: Double, _ value: (ContestResult) -> Double) -> Bar? {
    let ours = results.filter(\.isOurs).sorted { $0.items < $1.items }
    guard let short = ours.first.map(value), let long = ours.last.map(value), short > 0 else { return nil }
    return Bar(
      text: "goal \(what) of the longest less than \(formatted(most)) × the shortest's: "
        + formatted(long / short), isReached: long / short < most)
  }

  private func bar(_ main: ContestResult, times other: ContestResult, _ factor: Double) -> Bar {
    let ratio = main.median / other.median
    return Bar(
      text: "goal \(formatted(factor)) × \(other.title): \(formatted(ratio))", isReached: ratio >= factor)
  }
}

extension ContestResult {
  /// In every round, in which they took turns. What happens in one or two of them is noise.
  fileprivate func isAhead(of other: ContestResult, moreIsBetter: Bool) -> Bool {
    zip(rounds, other.rounds).allSatisfy { moreIsBetter ? $0 > $1 : $0 < $1 }
  }
}
