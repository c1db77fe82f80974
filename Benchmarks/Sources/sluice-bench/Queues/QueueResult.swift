/// What one queue reached in one row.
struct QueueResult: Codable, Sendable {
  let title: String
  let isOurs: Bool
  let guarantees: String
  let bounded: Bool
  let bulk: Bool
  /// In each run.
  let elements: Int
  /// M elements/s, one for each round, in their order.
  let rounds: [Double]
  let median: Double
  let least: Double
  let most: Double
  let tooLong: Int
  let disturbed: Int
  /// Ours only: beside the best peer that promises about the same, and beside the best of all in the row.
  var toBestLike: QueueRatio?
  var toBest: QueueRatio?

  init(_ contestant: QueueContestant) {
    title = contestant.title
    isOurs = contestant.program.isOurs
    guarantees = contestant.variant.guarantees
    bounded = contestant.variant.bounded
    bulk = contestant.variant.bulk
    elements = contestant.elements
    rounds = contestant.rounds
    tooLong = contestant.tooLong
    disturbed = contestant.disturbed
    let sorted = rounds.sorted()
    let middle = sorted.count / 2
    median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    least = sorted[0]
    most = sorted[sorted.count - 1]
  }

  /// Whether the other is a fair measure: bounded as this one is, with guarantees of the same kind.
  func isLike(_ other: QueueResult) -> Bool {
    bounded == other.bounded
      && QueueGuarantees(guarantees).isComparable(with: QueueGuarantees(other.guarantees))
  }
}

struct QueueRatio: Codable, Sendable {
  let ratio: Double
  let peer: String

  var isBehind: Bool { ratio < 1 }
  var description: String { "\(formatted(ratio)) × \(peer)" }
}

struct QueueRowResult: Codable, Sendable {
  let row: QueueRow
  /// The fastest first.
  let results: [QueueResult]

  init(_ row: QueueRow, _ contestants: [QueueContestant]) {
    self.row = row
    var results = contestants.map { QueueResult($0) }.sorted { $0.median > $1.median }
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
        "\(result.isOurs ? "* " : "  ")\(result.title)", formatted(result.median), formatted(result.least),
        formatted(result.most), result.guarantees + kind, result.toBestLike?.description ?? "",
        result.toBest?.description ?? "", remarks(result),
      ])
    }
    return table
  }

  private func remarks(_ result: QueueResult) -> String {
    var remarks: [String] = []
    if let ratio = result.toBestLike, ratio.isBehind { remarks.append("BEHIND") }
    if result.tooLong > 0 { remarks.append("\(result.tooLong) ended unfinished") }
    if result.disturbed > 0 { remarks.append("\(result.disturbed) disturbed") }
    return remarks.joined(separator: ", ")
  }
}
