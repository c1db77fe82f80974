/// What one queue reached in one row.
struct QueueResult: Encodable, Sendable {
  let figures: ContestResult
  let guarantees: String
  let bounded: Bool
  /// Ours only: beside the best peer that promises about the same, and beside the best of all in the row.
  var toBestLike: QueueRatio?
  var toBest: QueueRatio?

  var title: String { figures.title }
  var isOurs: Bool { figures.isOurs }
  var median: Double { figures.median }

  /// Whether the other is a fair measure: bounded as this one is, with guarantees of the same kind.
  func isLike(_ other: QueueResult) -> Bool {
    bounded == other.bounded
      && QueueGuarantees(guarantees).isComparable(with: QueueGuarantees(other.guarantees))
  }
}

struct QueueRatio: Encodable, Sendable {
  let ratio: Double
  let peer: String

  var isBehind: Bool { ratio < 1 }
  var description: String { "\(formatted(ratio)) × \(peer)" }
}

struct QueueRowResult: Encodable, Sendable {
  let row: QueueRow
  /// The fastest first.
  let results: [QueueResult]

  init(_ row: QueueRow, _ contestants: [Contestant<QueueRow>]) {
    self.row = row
    var results = contestants.compactMap { contestant in
      ContestResult(row, contestant).map { figures in
        let variant = contestant.variant
        return QueueResult(figures: figures, guarantees: variant.guarantees, bounded: variant.bounded)
      }
    }.sorted { $0.median > $1.median }
    for index in results.indices where results[index].isOurs {
      let ours = results[index]
      func ratio(to isPeer: (QueueResult) -> Bool) -> QueueRatio? {
        results.first { !$0.isOurs && isPeer($0) }.map {
          QueueRatio(ratio: ours.median / $0.median, peer: $0.title)
        }
      }
      results[index].toBestLike = ratio(to: ours.isLike)
      results[index].toBest = ratio { _ in true }
    }
    self.results = results
  }

  var table: Table {
    var table = Table(
      ["", "median", "min", "max", "guarantees", "to the best of its kind", "to the best of all", ""],
      leftAligned: [0, 4, 5, 6, 7])
    for result in results {
      let kind = result.bounded || row.kind == .unbounded ? "" : ", unbounded"
      table.add([
        result.figures.entry, formatted(result.median), formatted(result.figures.least),
        formatted(result.figures.most), result.guarantees + kind, result.toBestLike?.description ?? "",
        result.toBest?.description ?? "", remarks(result),
      ])
    }
    return table
  }

  private func remarks(_ result: QueueResult) -> String {
    let isBehind = result.toBestLike?.isBehind == true
    return [isBehind ? "BEHIND" : "", result.figures.remarks].filter { !$0.isEmpty }.joined(separator: ", ")
  }
}
