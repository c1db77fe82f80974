import Foundation

/// What the rows say together: geometric means over the unbatched MPMC rows, and what bulk operations give.
struct QueueSummary: Encodable, Sendable {
  struct Mean: Encodable, Sendable {
    let title: String
    let isOurs: Bool
    let guarantees: String
    /// M elements/s.
    let mean: Double
    /// Ours only.
    var toBestLike: QueueRatio?
    var toBest: QueueRatio?
    /// Ours only: to the best bounded peer in the row where that is least, and the row.
    var least: QueueRatio?
    var leastIn: String?
  }

  struct Bulk: Encodable, Sendable {
    let title: String
    let row: String
    /// To the best bounded peer's unbatched figure with as many threads.
    let toUnbatched: QueueRatio
  }

  let rows: [String]
  /// Of the bounded queues that are in each of the rows; the fastest first.
  let means: [Mean]
  let bulk: [Bulk]

  init(_ results: [QueueRowResult]) {
    let unbatched = results.filter { $0.row.kind == .mpmc && $0.row.batch == 1 }
    rows = unbatched.map(\.row.name)
    means = Self.means(of: unbatched)
    bulk = results.filter { $0.row.kind == .mpmc && $0.row.batch > 1 }.flatMap { bulkRow -> [Bulk] in
      let peer = unbatched.first { $0.row.shape == bulkRow.row.shape }.flatMap(Self.bestPeer)
      guard let peer else { return [] }
      return bulkRow.results.filter { $0.isOurs && $0.bounded }.map {
        let ratio = QueueRatio(ratio: $0.median / peer.median, peer: peer.title)
        return Bulk(title: $0.title, row: bulkRow.row.name, toUnbatched: ratio)
      }
    }
  }

  private static func bestPeer(_ result: QueueRowResult) -> QueueResult? {
    result.results.first { !$0.isOurs && $0.bounded }
  }

  private static func means(of rows: [QueueRowResult]) -> [Mean] {
    guard let first = rows.first else { return [] }
    func inEach(_ title: String) -> [QueueResult]? {
      let all = rows.compactMap { row in row.results.first { $0.title == title } }
      return all.count == rows.count ? all : nil
    }
    let samples = first.results.filter(\.bounded)
    var means = samples.compactMap { sample -> Mean? in
      guard let all = inEach(sample.title) else { return nil }
      let mean = exp(all.reduce(0) { $0 + log($1.median) } / Double(all.count))
      return Mean(title: sample.title, isOurs: sample.isOurs, guarantees: sample.guarantees, mean: mean)
    }.sorted { $0.mean > $1.mean }
    for index in means.indices where means[index].isOurs {
      let ours = means[index]
      func ratio(to isPeer: (Mean) -> Bool) -> QueueRatio? {
        means.first { !$0.isOurs && isPeer($0) }.map {
          QueueRatio(ratio: ours.mean / $0.mean, peer: $0.title)
        }
      }
      let kind = QueueGuarantees(ours.guarantees)
      means[index].toBestLike = ratio { kind.isComparable(with: QueueGuarantees($0.guarantees)) }
      means[index].toBest = ratio { _ in true }
      for (row, result) in zip(rows, inEach(ours.title) ?? []) {
        guard let peer = bestPeer(row) else { continue }
        let ratio = QueueRatio(ratio: result.median / peer.median, peer: peer.title)
        if ratio.ratio < means[index].least?.ratio ?? .infinity {
          means[index].least = ratio
          means[index].leastIn = row.row.shape
        }
      }
    }
    return means
  }

  var meansTable: Table {
    var table = Table(
      ["", "mean", "to the best of its kind", "to the best of all", "least in a row", ""],
      leftAligned: [0, 2, 3, 4, 5])
    for mean in means {
      let least = mean.least.map { "\($0.description), \(mean.leastIn ?? "")" } ?? ""
      table.add([
        "\(mean.isOurs ? "* " : "  ")\(mean.title)", formatted(mean.mean), mean.toBestLike?.description ?? "",
        mean.toBest?.description ?? "", least, mean.toBestLike?.isBehind == true ? "BEHIND" : "",
      ])
    }
    return table
  }

  var bulkTable: Table {
    var table = Table(["", "row", "to the best bounded peer, unbatched"], leftAligned: [0, 1, 2])
    for entry in bulk { table.add(["* \(entry.title)", entry.row, entry.toUnbatched.description]) }
    return table
  }
}
